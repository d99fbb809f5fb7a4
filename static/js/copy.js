/* Buttons that copy an element's text ([data-copy="id"]) or an address's ([data-copy-from="/…"]). */
htmx.onLoad((root) => {
  if (!navigator.clipboard) return;

  const load = async (address) => {
    const answer = await fetch(address, { redirect: "error" });
    if (!answer.ok) throw new Error(answer.statusText);
    return new Blob([await answer.text()], { type: "text/plain" });
  };

  // A promise goes to the clipboard: after waiting for it, browsers forget that someone clicked.
  const put = ({ copy, copyFrom }) =>
    copy
      ? navigator.clipboard.writeText(document.getElementById(copy).textContent)
      : navigator.clipboard.write([new ClipboardItem({ "text/plain": load(copyFrom) })]);

  for (const button of root.querySelectorAll("[data-copy], [data-copy-from]")) {
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      button.textContent = await put(button.dataset).then(() => "Copied", () => "Not copied");
      setTimeout(() => (button.textContent = label), 2000);
    });
  }
});
