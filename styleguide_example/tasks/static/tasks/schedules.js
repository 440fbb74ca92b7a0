/* Shows the next runs while a timing is being typed. Without it the "Preview" button does. */
"use strict";

(() => {
  const output = document.getElementById("preview");
  const form = output && output.closest("form");
  if (!form) {
    return;
  }
  const fields = ["kind", "cron_line", "time_zone", "every", "period", "at", "start_time"];
  const pauseMilliseconds = 300;
  let timer;
  let request;

  const show = async () => {
    if (request) {
      request.abort();
    }
    request = new AbortController();
    const typed = new FormData(form);
    const query = new URLSearchParams(fields.map((name) => [name, typed.get(name) || ""]));
    try {
      const answer = await fetch(`${output.dataset.url}?${query}`, { signal: request.signal });
      if (answer.ok && !answer.redirected) {
        output.innerHTML = await answer.text();
      }
    } catch {
      // Overtaken by the next letter, or the network is away: what was shown stays.
    }
  };

  form.addEventListener("input", (event) => {
    if (fields.includes(event.target.name)) {
      clearTimeout(timer);
      timer = setTimeout(show, pauseMilliseconds);
    }
  });
})();
