/* Long work in short slices, so that the map can be moved while it is drawn. */

yuxi.queue = {
  jobs: [],
  running: false,
  /** Milliseconds of work in a frame; less when frames come late, more when they are on time. */
  slice: 8,
  last: 0,

  /** Add a generator; `job.cancelled` stops it. */
  add: function (job) {
    this.jobs.push(job);
    if (this.running) return;
    this.running = true;
    this.last = 0;
    requestAnimationFrame((time) => this.frame(time));
  },

  frame: function (time) {
    const late = this.last && time - this.last > 40;
    this.slice = Math.max(3, Math.min(12, this.slice * (late ? 0.6 : 1.15)));
    this.last = time;
    const end = performance.now() + this.slice;
    while (this.jobs.length && performance.now() < end) {
      const job = this.jobs[0];
      if (job.cancelled || job.steps.next().done) this.jobs.shift();
    }
    this.running = this.jobs.length > 0;
    if (this.running) requestAnimationFrame((next) => this.frame(next));
  },
};
