// Keeps the progress of a job up to date without a reload, and stops when the job has ended.
//
// <div data-progress-url="/jobs/…/progress/"> … jobs/_progress.html, alone or with more around it … </div>
// The address answers with what shall stand in the element now. `data-every` on what has the class job-progress says after
// how many seconds to ask again, and `data-trouble`, in the reader's language, that there was no answer; an element with an
// id stays the one it is, wherever it stands among its neighbours.
(() => {
  "use strict";

  const SECOND = 1000;
  const EVERY = SECOND;
  const EVERY_HIDDEN = 15 * SECOND;
  const EVERY_AFTER_FAILURES = 30 * SECOND;
  const PATIENCE = 10 * SECOND;
  // A screen reader is told of every quarter and of every change of state, and otherwise once a minute.
  const SAY_PERCENT = 25;
  const SAY_EVERY = 60 * SECOND;

  /** Make `old` equal to `fresh` and keep every element that stays what it is: the focus stays, and the bar glides. */
  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeName !== fresh.nodeName) {
      old.replaceWith(fresh);
      return;
    }
    if (old.nodeType !== Node.ELEMENT_NODE) {
      old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      // What somebody has unfolded stays so.
      if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    morphChildren(old, fresh);
  }

  /** The same inside. An element with an id stays itself where its neighbours come and go; of the others, the place. */
  function morphChildren(old, fresh) {
    const wanted = [...fresh.childNodes];
    const ids = new Set(wanted.map(({ id }) => id));
    for (const node of [...old.children]) if (node.id && !ids.has(node.id)) node.remove();
    const named = new Map([...old.children].filter(({ id }) => id).map((node) => [node.id, node]));
    let place = old.firstChild;
    for (const node of wanted) {
      const known = named.get(node.id);
      while (known && place && place !== known && !place.id) place = without(place);
      const same = known ?? (place && !place.id && !node.id ? place : null);
      if (same && same === place) place = place.nextSibling;
      else old.insertBefore(same ?? node, place);
      if (same) morph(same, node);
    }
    while (place) place = without(place);
  }

  /** Take a node out, and return the one after it. */
  function without(node) {
    const next = node.nextSibling;
    node.remove();
    return next;
  }

  /** A status line that is read out when it changes. Outside the part that is renewed: renewing it would say it again. */
  function line(container, className) {
    const element = document.createElement("p");
    element.className = className;
    element.setAttribute("role", "status");
    container.after(element);
    return element;
  }

  class Watch {
    constructor(container) {
      this.container = container;
      this.trouble = line(container, "job-trouble");
      this.speech = line(container, "job-say");
      this.failures = 0;
      this.title = document.title;
      this.said = this.state();
      this.saidAt = Date.now();
      if (this.said.active) this.later(this.every());
      document.addEventListener("visibilitychange", () => {
        if (!document.hidden && this.timer) this.later(0);
      });
    }

    state(root = this.container) {
      const { className: look, dataset } = root.querySelector(".job-progress");
      const { attempt, say, every } = dataset;
      const percent = dataset.percent === "" ? null : Number(dataset.percent);
      return { active: dataset.active === "1", attempt, current: Number(dataset.current), percent, say, look, every };
    }

    every() {
      return Number(this.state().every ?? 1) * EVERY;
    }

    later(milliseconds) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.renew(), milliseconds);
    }

    async renew() {
      this.timer = null;
      const hidden = document.hidden;
      try {
        const url = this.container.dataset.progressUrl + (hidden ? "" : "?seen=1");
        const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
        // Signed out, or gone: the page itself says so better than we could.
        if (response.redirected || response.status === 404) return location.reload();
        if (!response.ok) throw new Error(`${response.status}`);
        this.show(await response.text());
      } catch {
        this.failures += 1;
        this.trouble.textContent = this.container.querySelector(".job-progress").dataset.trouble;
        return this.later(Math.min(EVERY * 2 ** this.failures, EVERY_AFTER_FAILURES));
      }
      this.failures = 0;
      this.trouble.textContent = "";
      // A tab in the background that saw the end looks once more when somebody looks at it.
      if (this.state().active || hidden) this.later(document.hidden ? EVERY_HIDDEN : this.every());
    }

    show(html) {
      const fresh = document.createElement("template");
      fresh.innerHTML = html;
      const before = this.state();
      const now = this.state(fresh.content);
      // Within one attempt nothing goes back: an answer that is older than what stands here is left out.
      if (now.active && now.attempt === before.attempt && now.current < before.current) return;
      const focused = this.container.contains(document.activeElement);
      morphChildren(this.container, fresh.content);
      if (focused && document.activeElement === document.body) this.focus();
      document.title = now.active && now.percent !== null ? `${now.percent} % – ${this.title}` : this.title;
      this.say(now);
    }

    /** What had the focus is gone, as the button to cancel is at the end: go on from here and not from the top. */
    focus() {
      this.container.tabIndex = -1;
      this.container.focus({ preventScroll: true });
    }

    say(now) {
      const quarter = ({ percent }) => Math.floor(percent / SAY_PERCENT);
      const isNews = now.look !== this.said.look || quarter(now) !== quarter(this.said);
      const isTime = now.say !== this.said.say && Date.now() - this.saidAt >= SAY_EVERY;
      if (!isNews && !isTime) return;
      this.speech.textContent = now.say;
      this.said = now;
      this.saidAt = Date.now();
    }
  }

  document.querySelectorAll("[data-progress-url]").forEach((container) => new Watch(container));
})();
