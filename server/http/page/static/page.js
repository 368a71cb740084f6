// Live progress: changes of the jobs on this page as server-sent events. Without scripts the page reloads itself.
"use strict";

for (const region of document.querySelectorAll("[data-events]")) {
  const events = new EventSource(region.dataset.events);
  events.addEventListener("end", () => {
    events.close();
    if ("reload" in region.dataset) location.reload();
  });
  events.onmessage = (message) => show(JSON.parse(message.data));
}

function show(job) {
  const place = document.querySelector(`[data-job="${CSS.escape(job.id)}"]`);
  if (!place) return;
  const state = place.querySelector("[data-state]");
  state.textContent = job.state.toLowerCase();
  state.className = `state ${job.state.toLowerCase()}`;
  const shown = place.querySelector(".progress");
  if (!shown) return;
  if (job.finished) {
    shown.remove();
    return;
  }
  const bar = shown.querySelector("progress");
  if (job.total) {
    bar.max = job.total;
    bar.value = job.done;
  } else {
    bar.removeAttribute("value");
  }
  shown.querySelector("[data-step]").textContent = job.text;
}
