/* The mailbox while somebody looks at it: what arrives appears by itself, and keys move through the list. Without it the
   "Refresh" link shows the same, and the links and buttons do. */
"use strict";

(() => {
  const EVERY = 2_000;
  const EVERY_AFTER_FAILURES = 15_000;
  const PATIENCE = 10_000;
  const messages = document.getElementById("messages");
  const speech = document.getElementById("speech");
  if (!messages) {
    return;
  }
  const links = () => [...messages.querySelectorAll(".row a")];

  // -- What arrives

  /** Put what the server shows now in the place of what stands here: what is ticked and what has the focus stay so. */
  const renew = (fresh) => {
    const ticked = new Set([...messages.querySelectorAll(":checked")].map((box) => box.value));
    const focused = document.activeElement;
    const at = focused?.closest("[data-live]") && (focused.getAttribute("href") ?? focused.value);
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (now && !old.isEqualNode(now)) {
        old.replaceChildren(...now.childNodes);
        Object.assign(old.dataset, now.dataset);
      }
    }
    messages.querySelectorAll("[name=key]").forEach((box) => (box.checked = ticked.has(box.value)));
    const again = at && [...document.querySelectorAll("[data-live] :is(a, input, button)")];
    again && again.find((one) => (one.getAttribute("href") ?? one.value) === at)?.focus({ preventScroll: true });
    document.title = fresh.title;
  };

  const fetched = async (url) => {
    const answer = await fetch(url, { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
    if (!answer.ok) {
      throw new Error(answer.status);
    }
    return answer;
  };

  const look = async () => {
    const { state, newest } = messages.dataset;
    const now = await (await fetched(`${document.body.dataset.pulse}?after=${encodeURIComponent(newest)}`)).json();
    if (now.state === state) {
      return;
    }
    renew(new DOMParser().parseFromString(await (await fetched(location.href)).text(), "text/html"));
    if (now.new) {
      speech.textContent = now.new === 1 ? "1 new message" : `${now.new} new messages`;
    }
  };

  let timer;
  const watch = async () => {
    clearTimeout(timer);
    let pause = EVERY;
    try {
      await look();
    } catch {
      pause = EVERY_AFTER_FAILURES; // the server starts anew, or the message here was deleted in another tab
    }
    clearTimeout(timer);
    timer = document.hidden ? undefined : setTimeout(watch, pause);
  };
  document.addEventListener("visibilitychange", () => document.hidden || watch());
  timer = setTimeout(watch, EVERY);
  document.querySelector("[data-refresh]").hidden = true;

  // -- All at once

  const all = document.querySelector("[data-select-all]");
  all.hidden = false;
  all.addEventListener("click", () => {
    const boxes = [...messages.querySelectorAll("[name=key]")];
    const wanted = boxes.some((box) => !box.checked);
    boxes.forEach((box) => (box.checked = wanted));
  });

  // -- Keys

  const OFF = "mailbox-keys-off";
  const panel = document.querySelector("[data-keys]");
  const choice = document.querySelector("[data-keys-on]");
  if (panel) {
    panel.hidden = false;
    choice.checked = !localStorage.getItem(OFF);
    choice.addEventListener("change", () =>
      choice.checked ? localStorage.removeItem(OFF) : localStorage.setItem(OFF, "1"),
    );
  }

  /** The line that has the focus, else that of the message which is shown. */
  const current = () => links().findIndex((link) => link === document.activeElement);
  const shown = () => links().findIndex((link) => link.hasAttribute("aria-current"));
  const move = (by) => {
    const from = current() >= 0 ? current() : shown();
    links()[Math.max(0, from + by)]?.focus();
  };

  const remove = () => {
    const line = links()[current()];
    if (!line) {
      return document.querySelector("[data-delete]")?.requestSubmit();
    }
    messages.querySelectorAll("[name=key]").forEach((box) => (box.checked = box.closest(".row").contains(line)));
    const form = document.getElementById("selection");
    return form.requestSubmit(form.querySelector("[value=delete]"));
  };

  const KEYS = {
    j: () => move(1),
    k: () => move(-1),
    Delete: remove,
    "/": () => document.getElementById("q").focus(),
  };

  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.matches("input:not([type=checkbox], [type=radio]), select, textarea");
    const action = KEYS[event.key];
    if (!action || isTyping || event.ctrlKey || event.metaKey || event.altKey || localStorage.getItem(OFF)) {
      return;
    }
    event.preventDefault();
    action();
  });
})();
