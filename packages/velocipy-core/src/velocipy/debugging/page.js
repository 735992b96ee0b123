"use strict";
const text = document.getElementById("text");
const copy = document.getElementById("copy");
copy.hidden = false;
copy.addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText(text.value);
    copy.textContent = "Copied";
  } catch {
    document.getElementById("whole").open = true;
    text.focus();
    text.select();
    copy.textContent = "Selected: copy it";
  }
});
if ("waits" in document.body.dataset) {
  setInterval(async () => {
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/plain" }, cache: "no-store" });
      if ((await answer.text()).trim() !== text.value.trim()) location.reload();
    } catch {
      // The server is starting anew.
    }
  }, 1000);
}
