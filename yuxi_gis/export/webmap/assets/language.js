/* Chinese or English: a tool that has the name of the other language. */

yuxi.language = function (app) {
  const tool = yuxi.tool("language", () => app.speak(yuxi.lang === "zh" ? "en" : "zh"));
  const follow = function () {
    tool.lang = yuxi.lang === "zh" ? "en" : "zh-CN";
    document.title = document.querySelector("#yuxi-bar h1").textContent;
  };
  app.on("lang", follow);
  follow();
};
