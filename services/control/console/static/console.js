"use strict";
// What pages need beside htmx. Each behaviour belongs to an attribute:
//   data-opens="ID"      shows the dialog ID          data-closes          closes the dialog around it
//   data-toggles="ID"    shows or hides the part ID   data-submits         sends the form when its value changes
//   data-checks="NAME"   checks all boxes NAME        data-needs-choice    is for as many boxes as are checked
//   data-repeats="ID"    allows the button ID while the field has the text of data-text
//   data-follows="PATH"  asks for the part again when the stream at PATH has one of data-events
//   data-link-sign-in    sends the secret after `#` of a sign-in link

const doc = document;
const byId = (id) => doc.getElementById(id);

// The server writes times in the reader's zone from the next page on.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
if (zone && !doc.cookie.includes("mailferry_zone=" + zone)) {
  doc.cookie = "mailferry_zone=" + zone + ";path=/;max-age=31536000;samesite=lax";
}

doc.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opens],[data-closes],[data-toggles]");
  if (!button) return;
  if (button.dataset.opens) {
    const dialog = byId(button.dataset.opens);
    dialog.showModal();
    const first = dialog.querySelector("input:not([type=hidden]),textarea,select");
    if (first) first.focus();
  } else if (button.dataset.toggles) {
    const shown = byId(button.dataset.toggles).classList.toggle("show");
    button.setAttribute("aria-expanded", String(shown));
  } else {
    const around = button.closest("dialog");
    if (around) around.close();
    else button.closest(".notice").remove();
  }
});

doc.addEventListener("change", (event) => {
  const field = event.target;
  if (field.dataset.checks) {
    doc.querySelectorAll(`input[name="${field.dataset.checks}"]`).forEach((box) => { box.checked = field.checked; });
  }
  if (field.dataset.submits !== undefined) field.form.requestSubmit();
  countChoices();
});

doc.addEventListener("input", (event) => {
  const field = event.target;
  if (field.dataset.repeats) byId(field.dataset.repeats).disabled = field.value.trim() !== field.dataset.text;
});

function countChoices() {
  const bar = doc.querySelector("[data-needs-choice]");
  if (!bar) return;
  const chosen = doc.querySelectorAll(`input[name="${bar.dataset.needsChoice}"]:checked`).length;
  bar.hidden = chosen === 0;
  bar.querySelectorAll("[data-count]").forEach((each) => { each.textContent = String(chosen); });
}

// A form that is sent once shows that it is under way, and is not sent again by a second click.
doc.addEventListener("submit", (event) => {
  if (event.defaultPrevented || event.target.hasAttribute("hx-get")) return;
  if (event.target.dataset.sent) { event.preventDefault(); return; }
  event.target.dataset.sent = "yes";
  if (event.submitter) event.submitter.classList.add("btn-loading");
});
window.addEventListener("pageshow", () => {
  doc.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; });
  doc.querySelectorAll(".btn-loading").forEach((each) => { each.classList.remove("btn-loading"); });
});

doc.addEventListener("htmx:afterSwap", countChoices);

// What happens at the same time is asked for once. The browser opens a stream that ended by itself.
function follow(part) {
  let waits = false;
  const stream = new EventSource(part.dataset.follows);
  const refresh = () => {
    if (waits) return;
    waits = true;
    setTimeout(() => { waits = false; htmx.trigger(part, "happened"); }, 300);
  };
  part.dataset.events.split(" ").forEach((name) => { stream.addEventListener(name, refresh); });
  window.addEventListener("pagehide", () => { stream.close(); });
}

doc.addEventListener("DOMContentLoaded", () => {
  countChoices();
  doc.querySelectorAll("[data-follows]").forEach(follow);
  const form = doc.querySelector("form[data-link-sign-in]");
  if (form && location.hash.length > 1) {
    form.elements.secret.value = location.hash.slice(1);
    history.replaceState(null, "", location.pathname + location.search);
    form.submit();
  }
  const problem = doc.querySelector("[data-focus]");
  if (problem) problem.focus();
});
