// Keeps a view up to date while somebody looks at it: new events join the list, and a dispatch is seen done when it is.
//
// The server writes every piece of markup, with the templates of the page; nothing is put together here. Without this script, or while
// the server cannot be reached, the page is what it was when it was loaded. A hidden page listens to nothing.

const part = document.querySelector("[data-live]");

if (part) {
  // A list grows by rows, up to this many. Anything else is fetched again when something about it has changed.
  const most = Number(part.dataset.most ?? 0);
  const rows = new Map();
  let stream = null;
  let isPaused = false;
  let isStale = false;
  let isFetching = false;

  const bar = document.createElement("p");
  const word = document.createElement("span");
  const button = document.createElement("button");
  bar.className = "live";
  word.setAttribute("role", "status");
  button.type = "button";
  button.className = "quiet";
  bar.append(word, button);
  part.before(bar);

  const say = (state, words) => {
    bar.dataset.state = state;
    word.textContent = words;
    button.textContent = isPaused ? "Go on" : "Pause";
  };

  const rest = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

  // What has not changed stays where it is, so that nobody clicks on something that has just been taken away.
  const become = (fresh) => {
    const lasting = (element) => element.innerHTML.replace(/<time.*?<\/time>| class="new"/gs, "");
    if (lasting(part) !== lasting(fresh)) return part.replaceChildren(...fresh.childNodes);
    const times = fresh.querySelectorAll("time");
    part.querySelectorAll("time").forEach((time, place) => (time.textContent = times[place].textContent));
  };

  // The part as it is now, unless somebody is at work in it: then when they have left it.
  const refresh = async () => {
    isStale = true;
    if (isFetching) return;
    isFetching = true;
    while (isStale && stream && !part.contains(document.activeElement)) {
      isStale = false;
      rows.clear();
      const answer = await fetch(location.href).catch(() => null);
      if (answer?.status === 401) {
        stop();
        say("off", "You are not logged in any more. Load the page again.");
        break;
      }
      if (answer?.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const fresh = page.querySelector("[data-live]");
        if (fresh && !part.contains(document.activeElement)) become(fresh);
      }
      await rest(500);
    }
    // What came meanwhile may be newer than what was fetched.
    isFetching = false;
    show();
  };

  const place = (id, markup) => {
    const body = part.querySelector("tbody");
    if (!body) return refresh();
    const template = document.createElement("template");
    template.innerHTML = markup;
    const row = template.content.querySelector("tr");
    const old = body.querySelector(`[data-receipt="${id}"]`);
    const hadFocus = old?.contains(document.activeElement);
    const next = [...body.rows].find((other) => Number(other.dataset.receipt) <= id);
    if (old) {
      old.replaceWith(row);
    } else if (next || body.rows.length < most) {
      row.classList.add("new");
      body.insertBefore(row, next ?? null);
    }
    if (hadFocus) row.querySelector("a")?.focus();
    while (body.rows.length > most) body.lastElementChild.remove();
  };

  // Many may come at once. Each is shown once, as it was last, and of the oldest only as many as there is room for.
  const show = () => {
    if (isFetching) return;
    const waiting = [...rows].sort(([one], [other]) => one - other);
    rows.clear();
    for (const [id, markup] of waiting) {
      if (markup) place(id, markup);
      else part.querySelector(`[data-receipt="${id}"]`)?.remove();
    }
  };

  const note = (id, markup) => {
    if (!most) return refresh();
    if (rows.size === 0) requestAnimationFrame(show);
    rows.set(id, markup);
    if (rows.size > 2 * most) rows.delete(Math.min(...rows.keys()));
  };

  const stop = () => {
    stream?.close();
    stream = null;
    rows.clear();
  };

  const start = () => {
    if (stream || isPaused || document.hidden) return;
    say("wait", "Connecting");
    stream = new EventSource(part.dataset.live);
    stream.addEventListener("open", () => {
      say("on", "Live");
      refresh();
    });
    stream.addEventListener("receipt", (message) => {
      const { id, row } = JSON.parse(message.data);
      note(id, row);
    });
    stream.addEventListener("gone", (message) => note(JSON.parse(message.data).id, null));
    stream.addEventListener("missed", refresh);
    stream.addEventListener("error", () => {
      say("off", "Not connected; trying again");
      if (stream?.readyState !== EventSource.CLOSED) return;
      // The server refused: the browser does not try that again by itself.
      refresh();
      rest(10_000).then(() => {
        if (stream?.readyState === EventSource.CLOSED) {
          stop();
          start();
        }
      });
    });
  };

  button.addEventListener("click", () => {
    isPaused = !isPaused;
    if (isPaused) {
      stop();
      say("off", "Paused");
    } else {
      start();
    }
  });
  document.addEventListener("visibilitychange", () => (document.hidden ? stop() : start()));
  part.addEventListener("focusout", () => setTimeout(() => isStale && refresh()));
  // "3 min ago" does not stay true.
  setInterval(() => stream && refresh(), 60_000);
  start();
}
