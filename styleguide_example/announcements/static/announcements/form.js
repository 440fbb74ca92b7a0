/* The form of an announcement: shows what is being typed as it will read, and only the fields of the chosen audience.
   Without it the "Preview" button shows the same, and all fields are there. */
"use strict";

(() => {
  const writing = document.querySelector("[data-preview-url]");
  if (!writing) {
    return;
  }
  const output = document.getElementById("preview");
  const form = writing.closest("form");
  const pauseMilliseconds = 300;
  let timer;
  let request;

  const showParameters = () => {
    const chosen = form.querySelector('[name="audience"]:checked')?.value;
    form.querySelectorAll("[data-audience]").forEach((field) => {
      field.closest(".form-row").hidden = field.dataset.audience !== chosen;
    });
  };

  /** A message that is read out only when it changes: how many people, and not every letter. */
  const speech = document.createElement("p");
  speech.className = "visually-hidden";
  speech.setAttribute("role", "status");
  writing.after(speech);

  const show = async () => {
    request?.abort();
    request = new AbortController();
    try {
      const answer = await fetch(writing.dataset.previewUrl, {
        method: "POST",
        body: new FormData(form),
        signal: request.signal,
      });
      if (!answer.ok || answer.redirected) {
        return;
      }
      const html = await answer.text();
      const scrolled = output.querySelector(".paper")?.scrollTop ?? 0;
      output.innerHTML = html;
      output.querySelector(".paper").scrollTop = scrolled;
      const reach = output.querySelector(".reach").textContent.trim();
      if (speech.textContent !== reach) {
        speech.textContent = reach;
      }
    } catch {
      // Overtaken by the next letter, or the network is away: what was shown stays.
    }
  };

  form.addEventListener("input", () => {
    showParameters();
    clearTimeout(timer);
    timer = setTimeout(show, pauseMilliseconds);
  });
  showParameters();
  // The preview comes by itself here.
  writing.querySelector(".refresh").hidden = true;
})();
