// A listening test: plays sounds at one place in time, takes ratings, and gives them as a table. Nothing is sent.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const words = { mushra: ["bad", "poor", "fair", "good", "excellent"], p808: ["bad", "poor", "fair", "good", "excellent"] };
  const byId = (id) => document.getElementById(id);
  const add = (parent, tag, attributes = {}, text = "") => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.textContent = text;
    parent.append(made);
    return made;
  };
  let context = null, playing = null, turn = 0, place = 0, began = 0, order = [], listener = "", now = -1;
  let heard = new Set(), ratings = {}, lines = [["listener", "page", "stimulus", "rating", "position", "seconds"]];
  const buffers = {};

  const decoded = async (id) => {
    if (!buffers[id]) {
      const bytes = Uint8Array.from(atob(data.sounds[id]), (letter) => letter.charCodeAt(0));
      buffers[id] = await context.decodeAudioData(bytes.buffer);
    }
    return buffers[id];
  };
  const stop = () => {
    if (!playing) return;
    place = context.currentTime - playing.start;
    playing.source.onended = null;
    playing.source.stop();
    playing.button.setAttribute("aria-pressed", "false");
    playing = null;
  };
  const silence = () => { turn += 1; stop(); }; // also what is still being decoded
  // Another version goes on at the place of the one before, so that the same moment can be compared.
  const play = async (id, button) => {
    const asked = ++turn, buffer = await decoded(id);
    if (asked !== turn) return; // another one was asked for meanwhile, or none
    stop();
    if (place >= buffer.duration) place = 0;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(0, place);
    playing = { source, button, start: context.currentTime - place };
    button.setAttribute("aria-pressed", "true");
    source.onended = () => { stop(); place = 0; };
    heard.add(id);
    check();
  };
  const player = (parent, id, label) => {
    const button = add(parent, "button", { type: "button", "aria-pressed": "false", "data-sound": id }, `▶ ${label}`);
    button.addEventListener("click", () => play(id, button));
    return button;
  };

  const slider = (parent, id, label) => {
    const row = add(parent, "p", { class: "version" });
    player(row, id, label);
    const name = `rating-${id}`;
    add(row, "label", { for: name, class: "sr" }, `Rating of ${label}`);
    const input = add(row, "input", { type: "range", id: name, min: 0, max: 100, step: 1, value: 0, "data-rating": id });
    const output = add(row, "output", { for: name }, "not rated");
    const rate = () => {
      ratings[id] = Number(input.value);
      const word = words.mushra[Math.min(4, Math.floor(ratings[id] / 20))];
      output.textContent = `${input.value} (${word})`;
      input.setAttribute("aria-valuetext", output.textContent);
      check();
    };
    input.addEventListener("input", rate);
  };
  const choices = (parent, legend, options) => {
    const set = add(parent, "fieldset");
    add(set, "legend", {}, legend);
    options.forEach(([text, given], number) => {
      const name = `choice-${number}`;
      const input = add(set, "input", { type: "radio", name: "choice", id: name });
      add(set, "label", { for: name }, ` ${text}`);
      add(set, "br");
      input.addEventListener("change", () => { ratings = given; check(); });
    });
  };
  const show = () => {
    const { page, stimuli } = order[now], controls = byId("controls");
    controls.replaceChildren();
    heard = new Set(); ratings = {}; place = 0; began = performance.now();
    byId("page-title").textContent = `Page ${now + 1} of ${order.length}`;
    const open = data.references[page];
    if (open) player(add(controls, "p"), open, "Reference");
    if (data.design === "mushra") {
      const scale = add(add(controls, "p", { class: "scale soft", "aria-hidden": "true" }), "span");
      words.mushra.forEach((word) => add(scale, "span", {}, word));
      stimuli.forEach((id, number) => slider(controls, id, `Version ${number + 1}`));
    } else if (data.design === "p808") {
      player(add(controls, "p"), stimuli[0], "Sound");
      choices(controls, "Quality", [5, 4, 3, 2, 1].map((n) => [`${n} (${words.p808[n - 1]})`, { [stimuli[0]]: n }]));
    } else {
      const [a, b] = stimuli, row = add(controls, "p");
      player(row, a, "A"); player(row, b, "B");
      choices(controls, "Which is better?", [
        ["A", { [a]: 100, [b]: 0 }], ["B", { [a]: 0, [b]: 100 }], ["no difference", { [a]: 50, [b]: 50 }]]);
    }
    byId("page-title").focus();
    check();
  };
  const check = () => {
    const { stimuli } = order[now];
    const unheard = stimuli.filter((id) => !heard.has(id)).length;
    const unrated = stimuli.filter((id) => !(id in ratings)).length;
    byId("next").disabled = Boolean(unheard || unrated);
    byId("next").textContent = now + 1 < order.length ? "Next page" : "Finish";
    byId("note").textContent = unheard ? `${unheard} not heard yet` : unrated ? `${unrated} not rated yet` : "Ready";
  };
  const csv = (cell) => /[",\n\r]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell);
  const finish = () => {
    const text = lines.map((line) => line.map(csv).join(",")).join("\n") + "\n";
    byId("answers").textContent = text;
    byId("save").href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    byId("save").download = `answers-${listener.replace(/[^A-Za-z0-9_.-]/g, "_")}.csv`;
    byId("page").hidden = true;
    byId("end").hidden = false;
    byId("end-title").focus();
  };
  byId("next").addEventListener("click", () => {
    silence();
    const { page, stimuli } = order[now], seconds = ((performance.now() - began) / 1000).toFixed(1);
    stimuli.forEach((id, number) => lines.push([listener, page, id, ratings[id], number + 1, seconds]));
    now += 1;
    if (now < order.length) show(); else finish();
  });
  byId("stop").addEventListener("click", silence);
  byId("begin").addEventListener("submit", (event) => {
    event.preventDefault();
    listener = byId("listener").value.trim();
    // A number takes its own order; any other name one that depends on its letters.
    const number = /^\d+$/.test(listener) ? Number(listener) - 1 : [...listener].reduce((sum, c) => sum * 31 + c.codePointAt(0) | 0, 7);
    const count = data.orders.length;
    order = data.orders[((number % count) + count) % count];
    context = new AudioContext();
    byId("start").hidden = true;
    byId("page").hidden = false;
    now = 0;
    show();
  });
  const given = new URLSearchParams(location.search).get("listener");
  if (given) byId("listener").value = given.slice(0, 40);
})();
