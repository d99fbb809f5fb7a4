/* <tally-board src>: the board in a portal's page, with nothing else needed; and the Filters panel of
   boards that htmx placed in the page. docs/embedding.md. */
(() => {
  // Two boards of one page may each bring it.
  if (customElements.get("tally-board")) return;
  const script = document.currentScript.src;
  const STYLES = "tally-board.css";
  const policy = window.trustedTypes?.createPolicy("tally-board", { createHTML: (html) => html });
  // HTML, although the page may be XHTML.
  const parsed = (html) => {
    html = `<template>${html}</template>`;
    const page = new DOMParser().parseFromString(policy ? policy.createHTML(html) : html, "text/html");
    return page.querySelector("template");
  };
  const PARTS = "scope controls box panel table row button pager title summary chart notice";
  const AWAY = "The board can't be reached right now.";
  const EARLY = 30_000;
  const PATIENCE = 30_000;

  const choose = (tabs, chosen, focus) => {
    for (const tab of tabs) {
      const selected = tab === chosen;
      tab.setAttribute("aria-selected", selected);
      tab.tabIndex = selected ? 0 : -1;
      tab.section.hidden = !selected;
    }
    if (focus) chosen.focus();
  };

  const buildTabs = (panel) => {
    const list = document.createElement("div");
    list.className = "tb-tablist";
    list.role = "tablist";
    list.ariaLabel = panel.dataset.tabs;
    const tabs = [...panel.querySelectorAll("[data-tab]")].map((section) => {
      const tab = Object.assign(document.createElement("button"), { type: "button", role: "tab", section });
      tab.id = `${section.id}-button`;
      tab.textContent = section.dataset.tab;
      tab.setAttribute("aria-controls", section.id);
      section.role = "tabpanel";
      section.setAttribute("aria-labelledby", tab.id);
      tab.addEventListener("click", () => choose(tabs, tab));
      return tab;
    });
    list.append(...tabs);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      choose(tabs, tabs.at((tabs.indexOf(event.target) + step) % tabs.length), true);
    });
    panel.prepend(list);
    choose(tabs, tabs[0]);
    for (const field of panel.querySelectorAll("[data-late]")) field.type = "date";
  };

  const close = (root, but, event) => {
    for (const panel of root.querySelectorAll(".tb-embed details[data-panel][open]")) {
      if (but.includes(panel)) continue;
      panel.open = false;
      if (!event) continue;
      panel.querySelector("summary").focus();
      // A dialog around the board stays open.
      event.preventDefault();
      event.stopPropagation();
    }
  };

  /* Tabs and Esc in the Filters panels of boards in that root: an element's shadow, or the page. */
  const tend = (root) => {
    const open = ({ target }) => {
      const panel = target.closest("summary")?.nextElementSibling;
      if (panel?.matches(".tb-embed [data-tabs]:not(:has([role=tablist]))")) buildTabs(panel);
    };
    root.addEventListener("click", open, true);
    const escape = (event) => {
      const board = event.target.closest(".tb-embed")?.parentNode;
      if (event.key === "Escape" && board) close(board, [], event);
    };
    root.addEventListener("keydown", escape, true);
  };

  class TallyBoard extends HTMLElement {
    static observedAttributes = ["src"];
    #fetchToken;
    #token;
    #until = 0;
    #asking;
    #failed;
    #timer;
    #retry;
    #strange;
    #styled;
    #typed;
    #wait = 0;

    get fetchToken() {
      return this.#fetchToken;
    }

    set fetchToken(fetchToken) {
      this.#fetchToken = fetchToken;
      this.#token = undefined;
      this.#strange = true;
      this.reload();
    }

    connectedCallback() {
      if (!this.shadowRoot) this.#build();
      addEventListener("online", this.#again);
      document.addEventListener("visibilitychange", this.#again);
      document.addEventListener("pointerdown", this.#closePanel, true);
      // Set before this script was there, it would hide the setter.
      if (Object.hasOwn(this, "fetchToken")) {
        const { fetchToken } = this;
        delete this.fetchToken;
        this.fetchToken = fetchToken;
      } else this.reload();
    }

    disconnectedCallback() {
      removeEventListener("online", this.#again);
      document.removeEventListener("visibilitychange", this.#again);
      document.removeEventListener("pointerdown", this.#closePanel, true);
      this.#stop();
    }

    attributeChangedCallback() {
      this.reload();
    }

    /* Ask for all of it anew. Another origin is asked with a token only. */
    reload() {
      if (!this.shadowRoot || !this.isConnected) return;
      const src = this.getAttribute("src");
      const url = src && new URL(src, document.baseURI);
      if (url && (this.#fetchToken || url.origin === location.origin)) this.#load(url);
      else this.#clear();
    }

    #stop() {
      this.#failed = undefined;
      clearTimeout(this.#timer);
      this.#typed = undefined;
      clearTimeout(this.#retry);
      this.#asking?.abort();
    }

    #clear() {
      this.#stop();
      this.shadowRoot.querySelector("div").replaceChildren();
    }

    #build() {
      const root = this.attachShadow({ mode: "open" });
      root.append(document.createElement("div"));
      this.#dress(STYLES);
      root.addEventListener("click", (event) => {
        const link = event.target.closest("a[href]");
        if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
        event.preventDefault();
        this.#load(this.#resolved(link.getAttribute("href")), link);
      });
      root.addEventListener("submit", (event) => {
        event.preventDefault();
        this.#send(event.target);
      });
      root.addEventListener("input", ({ target }) => {
        if (!target.form) return;
        clearTimeout(this.#timer);
        const wait = target.type === "radio" ? 0 : 300;
        this.#typed = target;
        this.#timer = setTimeout(() => this.#send(target), wait);
      });
      tend(root);
    }

    /* Put these styles on, in place of others: the script of the last visit knows those of its own release. */
    #dress(name) {
      const before = this.shadowRoot.querySelector("link");
      const { href } = new URL(name, script);
      if (before?.href === href) return;
      const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href });
      this.#styled = new Promise((done) => {
        setTimeout(done, 5000);
        link.onload = () => done(before?.remove());
        link.onerror = () => done(link.remove());
      });
      this.shadowRoot.prepend(link);
    }

    #closePanel = (event) => close(this.shadowRoot, event.composedPath());

    #again = () => {
      if (this.#failed && document.visibilityState === "visible") this.#load(...this.#failed);
    };

    #resolved(address) {
      return new URL(address, new URL(this.getAttribute("src"), document.baseURI));
    }

    #send(source) {
      const form = source.form ?? source;
      const url = this.#resolved(form.getAttribute("action"));
      for (const [name, value] of new FormData(form)) url.searchParams.set(name, value);
      // A choice stands in what asks for it.
      const asks = source.form && source.form.id.endsWith("filters") ? source.closest("[hx-get]") : form;
      this.#load(url, asks);
    }

    async #ask(url, source, signal) {
      const headers = { "HX-Request": "true" };
      if (source) {
        headers["HX-Trigger"] = encodeURI(source.id);
        headers["HX-Target"] = source.getAttribute("hx-target")?.slice(1) ?? "";
      }
      if (this.#fetchToken) {
        if (!this.#token || Date.now() > this.#until) {
          const { token, expires_in } = await this.#fetchToken();
          // It may have been fetched for the reader before.
          signal.throwIfAborted();
          this.#token = token;
          this.#until = Date.now() + expires_in * 1000 - EARLY;
        }
        headers.Authorization = `Bearer ${this.#token}`;
      }
      const credentials = this.#fetchToken ? "omit" : "same-origin";
      return fetch(url, { headers, credentials, signal });
    }

    async #answer(url, source, signal) {
      let response = await this.#ask(url, source, signal);
      if (response.status === 401 && this.#fetchToken && !signal.aborted) {
        this.#token = undefined;
        response = await this.#ask(url, source, signal);
      }
      return [response, await response.text()];
    }

    async #load(url, source) {
      this.#stop();
      const { signal } = (this.#asking = new AbortController());
      const region = this.shadowRoot.querySelector("section.tb-region");
      region?.classList.add("htmx-request");
      let limit;
      let shown;
      const late = new Promise((_, fail) => (limit = setTimeout(fail, PATIENCE, new Error("Nobody answers."))));
      try {
        const [response, html] = await Promise.race([this.#answer(url, source, signal), late]);
        const failed = Object.assign(new Error(response.statusText), { status: response.status });
        const answer = parsed(html);
        // A proxy in between may answer with a page of its own.
        if (response.status >= 500 || !answer.content.querySelector("[class^=tb-], [hx-swap-oob]")) throw failed;
        const styles = answer.content.querySelector("link");
        styles?.remove();
        this.#dress(styles?.getAttribute("href").split("/").pop() ?? STYLES);
        await this.#styled;
        if (signal.aborted) return;
        this.#show(answer, source, response.ok);
        shown = true;
        this.#strange = false;
        if (!response.ok) throw failed;
        this.#wait = 0;
        this.#tell("loaded", { url: url.href });
      } catch (error) {
        if (signal.aborted) return;
        const status = error?.status;
        const expired = status === 401 || status === 403;
        // What is no token can't even be sent.
        if (!status) this.#token = undefined;
        if (this.#strange) this.#clear();
        if (!shown) this.#say(`${AWAY} It is tried again by itself.`);
        if (!shown || (status !== 422 && status !== 404)) {
          this.#failed = [url, source];
          this.#wait = Math.min(60_000, this.#wait * 2 || 5000);
          this.#retry = setTimeout(this.#again, this.#wait);
        }
        this.#tell(expired ? "expired" : "error", { error, status });
      } finally {
        clearTimeout(limit);
        if (!signal.aborted) region?.classList.remove("htmx-request");
      }
    }

    #say(sentence) {
      const root = this.shadowRoot;
      if (!root.querySelector(".tb-notice")) {
        this.#show(parsed('<div class="tb-embed" lang="en" dir="ltr"><p class="tb-notice" role="alert"></p></div>'));
      }
      root.querySelector(".tb-notice").textContent = sentence;
    }

    #tell(name, detail) {
      this.dispatchEvent(new CustomEvent(`tally:${name}`, { detail, bubbles: true, composed: true }));
    }

    #show(answer, source, good) {
      const root = this.shadowRoot;
      const { activeElement: active } = root;
      // A browser complains of autofocus in a frame of another origin.
      const first = answer.content.querySelector("[autofocus]");
      first?.removeAttribute("autofocus");
      // To make the first fields for dates takes a browser as long as a dozen rows.
      for (const field of answer.content.querySelectorAll("details [type=date]")) {
        field.type = "text";
        field.dataset.late = "";
      }
      for (const part of answer.content.querySelectorAll("[hx-swap-oob]")) {
        const place = root.getElementById(part.id);
        part.remove();
        // Who went on typing is about to ask for it.
        if (this.#typed && place?.contains(this.#typed)) continue;
        if (part.getAttribute("hx-swap-oob") === "innerHTML") place?.replaceChildren(...part.childNodes);
        else place?.replaceWith(part);
      }
      const target = source && root.querySelector(source.getAttribute("hx-target"));
      if (!target) root.querySelector("div").replaceChildren(answer.content);
      else if (good && target.matches("section")) target.replaceWith(answer.content);
      else if (good) target.replaceChildren(answer.content);
      for (const part of PARTS.split(" ")) {
        for (const one of root.querySelectorAll(`.tb-${part}`)) one.part.add(part);
      }
      this.#refocus(root, active, first);
    }

    #refocus(root, active, first) {
      if (!active || active.isConnected) return;
      const same = active.id && root.getElementById(active.id);
      const next = same || first || root.querySelector("summary");
      next?.focus({ preventScroll: Boolean(same) });
      if (same && active.selectionStart != null) same.setSelectionRange(active.selectionStart, active.selectionEnd);
    }
  }

  customElements.define("tally-board", TallyBoard);
  tend(document);
  document.addEventListener("pointerdown", (event) => close(document, event.composedPath()), true);
  // A link that its own answer takes off the page hands the focus on.
  let board;
  document.addEventListener("click", () => {
    board = document.activeElement.closest(".tb-embed a")?.closest(".tb-embed");
  });
  for (const name of ["htmx:afterSettle", "htmx:after:settle"]) {
    document.addEventListener(name, () => {
      if (document.activeElement === document.body) board?.querySelector("summary")?.focus();
    });
  }
  // htmx tells the reader nothing. What the board refused, it says itself.
  for (const name of ["responseError", "sendError", "response:error", "error"]) {
    document.addEventListener(`htmx:${name}`, ({ target, detail: { xhr, ctx } }) => {
      const notice = target.closest(".tb-embed")?.querySelector(".tb-notice");
      const status = (xhr ?? ctx?.response)?.status || 500;
      if (notice && status >= 500) notice.textContent = AWAY;
    });
  }
})();
