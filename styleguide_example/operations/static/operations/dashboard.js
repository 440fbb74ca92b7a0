// Renews the dashboard every ten seconds while somebody looks at it. Without this script it is as old as the page.
//
// <div data-dashboard-url="/admin/dashboard/"> … operations/_dashboard.html … </div>
(() => {
  "use strict";

  const EVERY = 10_000;
  const PATIENCE = 8_000;

  class Dashboard {
    constructor(container) {
      this.container = container;
      this.paused = false;
      // Outside the part that is renewed: whoever has the focus on the button keeps it.
      this.button = document.createElement("button");
      this.button.type = "button";
      this.button.className = "button dash-pause";
      this.button.addEventListener("click", () => this.toggle());
      this.trouble = document.createElement("p");
      this.trouble.className = "dash-trouble";
      this.trouble.setAttribute("role", "status");
      container.before(this.button, this.trouble);
      this.label();
      setInterval(() => this.renew(), EVERY);
      document.addEventListener("visibilitychange", () => this.renew());
    }

    toggle() {
      this.paused = !this.paused;
      this.label();
      this.renew();
    }

    label() {
      this.button.textContent = this.paused ? "Go on renewing" : "Pause renewing";
    }

    async renew() {
      if (this.paused || document.hidden || this.isRead()) return;
      try {
        const url = this.container.dataset.dashboardUrl;
        const response = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
        // Signed out, or not allowed any more: the page itself says so better than we could.
        if (response.redirected || response.status === 403) return location.reload();
        if (!response.ok) throw new Error(`${response.status}`);
        this.show(await response.text());
        this.trouble.textContent = "";
      } catch {
        this.trouble.textContent = "No answer from the server. The figures are those of the time below.";
      }
    }

    /** Whether somebody selects text or has gone to something in it: it must not change under their hands. */
    isRead() {
      const selection = document.getSelection();
      const selects = !selection.isCollapsed && this.container.contains(selection.anchorNode);
      return selects || this.container.contains(document.activeElement);
    }

    show(html) {
      if (this.paused || this.isRead()) return;
      const open = [...this.container.querySelectorAll("details[open]")].map(({ id }) => id);
      const scrolled = [...this.container.querySelectorAll(".scrolls")].map((part) => [part.scrollLeft, part.scrollTop]);
      this.container.innerHTML = html;
      open.forEach((id) => document.getElementById(id)?.setAttribute("open", ""));
      this.container.querySelectorAll(".scrolls").forEach((part, place) => {
        [part.scrollLeft, part.scrollTop] = scrolled[place] ?? [0, 0];
      });
    }
  }

  document.querySelectorAll("[data-dashboard-url]").forEach((container) => new Dashboard(container));
})();
