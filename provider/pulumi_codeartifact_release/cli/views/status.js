// The page is whole without this: it filters, copies, keeps times current, and reads itself anew.
"use strict";
(() => {
  const MINUTE = 60e3, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
  const RELOAD_AFTER = 5 * MINUTE, QUIET = MINUTE / 2;
  const byId = (id) => document.getElementById(id);
  const all = (selector) => [...document.querySelectorAll(selector)];

  const rows = all("tbody tr").map((row) => ({
    row,
    name: row.querySelector("th").textContent.toLowerCase(),
    states: row.dataset.states.split(" "),
  }));
  const search = byId("search");
  const buttons = all("[data-show]");
  const loaded = Date.now();
  let show = "";
  let touched = 0;

  // --- what is shown: in the address, so that it survives a reload and can be sent to somebody ---

  function apply() {
    const words = search.value.toLowerCase().split(/\s+/);
    let count = 0;
    for (const { row, name, states } of rows) {
      const fits = (!show || states.includes(show)) && words.every((word) => name.includes(word));
      row.hidden = !fits;
      count += fits;
    }
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.dataset.show === show));
    byId("shown").textContent = `Showing ${count} of ${rows.length} package${rows.length === 1 ? "" : "s"}`;
    byId("none").hidden = count > 0;
  }

  function remember() {
    const wish = new URLSearchParams();
    if (show) wish.set("show", show);
    if (search.value) wish.set("q", search.value);
    const hash = String(wish);
    history.replaceState(history.state, "", location.href.split("#")[0] + (hash && "#" + hash));
  }

  function recall() {
    const wish = new URLSearchParams(location.hash.slice(1));
    show = buttons.some((button) => button.dataset.show === wish.get("show")) ? wish.get("show") : "";
    search.value = wish.get("q") || "";
    apply();
  }

  function choose(wish, text) {
    show = wish;
    search.value = text;
    apply();
    remember();
  }

  search.addEventListener("input", () => choose(show, search.value));
  for (const button of buttons) button.addEventListener("click", () => choose(button.dataset.show, search.value));
  byId("clear").addEventListener("click", () => {
    choose("", "");
    search.focus();
  });
  document.querySelector(".skip").addEventListener("click", (event) => {
    // Without a change of the address, which holds the filter.
    event.preventDefault();
    byId("packages").focus();
    byId("packages").scrollIntoView();
  });
  addEventListener("hashchange", recall);
  addEventListener("keydown", (event) => {
    if (event.key === "/" && event.target !== search && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    }
    if (event.key === "Escape") choose("", "");
  });

  // --- digests ---

  function say(text) {
    byId("said").textContent = text;
    setTimeout(() => {
      if (byId("said").textContent === text) byId("said").textContent = "";
    }, 4e3);
  }

  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.digest);
      say("Digest copied");
    } catch {
      // Not over plain HTTP: select it, so that the old way works, or the user's own hand.
      const details = button.parentElement.querySelector("details");
      details.open = true;
      getSelection().selectAllChildren(details.querySelector(".digest"));
      say(document.execCommand("copy") ? "Digest copied" : "Digest selected: copy it with your keyboard");
    }
  }

  for (const button of all("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }

  // --- times ---

  function ago(since) {
    const age = Date.now() - since;
    for (const [length, unit] of [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]]) {
      if (age >= length) return `${Math.floor(age / length)} ${unit} ago`;
    }
    return "just now";
  }

  function tick() {
    for (const time of all("table time")) {
      if (!time.title) time.title = time.textContent;
      time.textContent = ago(Date.parse(time.dateTime));
    }
    const asOf = Date.parse(byId("as-of").dateTime);
    byId("as-of-age").textContent = `, ${ago(asOf)}`;
    const stale = Date.now() - asOf > HOUR;
    byId("stale").hidden = !stale;
    const text = stale ? `What you see was read ${ago(asOf)}. Whatever writes this page may have stopped.` : "";
    if (byId("stale").textContent !== text) byId("stale").textContent = text;
  }

  // --- reading the page anew, as somebody else writes it ---

  // Somebody types, or has marked something; but what is left marked for long is forgotten.
  const busy = () => Date.now() - touched < (getSelection().isCollapsed ? QUIET : 2 * RELOAD_AFTER);
  for (const kind of ["input", "keydown", "pointerdown"]) addEventListener(kind, () => (touched = Date.now()));

  function reload() {
    if (location.protocol !== "file:" && !navigator.onLine) return;
    const open = all("details[open]").map((details) => details.id);
    const state = { open, focus: document.activeElement.id, scroll: scrollY };
    history.replaceState(state, "");
    location.reload();
  }

  function restore() {
    const state = history.state;
    if (!state) return;
    history.replaceState(null, "");
    for (const id of state.open) if (byId(id)) byId(id).open = true;
    if (state.focus && byId(state.focus)) byId(state.focus).focus({ preventScroll: true });
    addEventListener("load", () => scrollTo(0, state.scroll));
  }

  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && Date.now() - loaded > MINUTE) reload();
  });
  setInterval(() => {
    tick();
    if (!document.hidden && Date.now() - loaded >= RELOAD_AFTER && !busy()) reload();
  }, QUIET);

  byId("tools").hidden = byId("reloads").hidden = false;
  recall();
  tick();
  restore();
})();
