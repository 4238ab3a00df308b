// Players: tracks of one clock keep the position when another one is chosen. Keys act on the whole page.
(() => {
  const STEP_S = 0.5, FILM_DRIFT_S = 0.08;
  const players = [];
  let sounding = null, wanted = null, last = null;

  // A web server need not serve parts of a file, and without them a browser cannot seek.
  const fetched = async (media) => {
    const address = media.currentSrc || media.src;
    if (!location.protocol.startsWith("http")) return address;
    return URL.createObjectURL(await (await fetch(address)).blob());
  };
  const load = async (track) => {
    if (track.ready || !location.protocol.startsWith("http")) return;
    track.audio.src = await fetched(track.audio);
    track.ready = true;
  };
  const known = (audio) => audio.readyState > 0 ? Promise.resolve() : new Promise((done) => {
    audio.addEventListener("loadedmetadata", done, { once: true });
    audio.addEventListener("error", done, { once: true });
    audio.load();
  });

  const setUp = (root) => {
    const tracks = [...root.querySelectorAll("[data-track]")].map((row) => ({
      row, audio: row.querySelector("audio"), pick: row.querySelector("[data-pick]"),
      view: row.querySelector("[data-view]"), head: row.querySelector(".head"),
      own: row.hasAttribute("data-own"), key: row.dataset.track, ready: false,
    })).filter((track) => track.audio);
    if (!tracks.length) return;
    const find = (name) => root.querySelector(`[data-${name}]`);
    const play = find("play"), seek = find("seek"), time = find("time"), film = find("film");
    let now = tracks[0], turn = 0;
    const player = {
      root,
      pause: () => now.audio.pause(),
      toggle: () => now.audio.paused ? choose(now) : now.audio.pause(),
      // Play the track of a key; false if there is none.
      press: (key) => {
        const track = tracks.find((each) => each.key && each.key === key);
        if (track) choose(track);
        return Boolean(track);
      },
      step: (seconds) => {
        const end = Math.max(0, (now.audio.duration || 0) - 0.05);
        choose(now, { at: Math.min(end, Math.max(0, now.audio.currentTime + seconds)), sound: !now.audio.paused });
      },
    };

    // The video follows the sound: it is moved when it is more than a picture or two away, and never heard.
    const follow = (at, playing) => {
      if (!film || now.own || !(film.readyState > 0)) { if (film && !film.paused) film.pause(); return; }
      const place = Math.min(at, Math.max(0, film.duration - 0.001));
      const ended = at >= film.duration - 0.02;
      if (Math.abs(film.currentTime - place) > (playing ? FILM_DRIFT_S : 0.005)) film.currentTime = place;
      if (playing && !ended) { if (film.paused) film.play().catch(() => {}); } else if (!film.paused) film.pause();
    };
    const draw = () => {
      const { currentTime: at, duration } = now.audio, whole = duration || 0;
      follow(at, !now.audio.paused);
      seek.max = whole || 1;
      seek.value = at;
      seek.setAttribute("aria-valuetext", `${at.toFixed(1)} of ${whole.toFixed(1)} seconds`);
      time.textContent = `${at.toFixed(1)} / ${whole.toFixed(1)} s`;
      for (const track of tracks) {
        const same = track === now || (!track.own && !now.own);
        const share = same && whole ? Math.min(1, at / (track.audio.duration || whole)) : 0;
        track.head.style.left = `${100 * share}%`;
        track.head.hidden = !same;
      }
      root.classList.toggle("playing", !now.audio.paused);
      play.setAttribute("aria-pressed", String(!now.audio.paused));
      if (!now.audio.paused) requestAnimationFrame(draw);
    };
    const start = async () => {
      if (sounding && sounding !== player) sounding.pause();
      sounding = player;
      try { await now.audio.play(); } catch (error) { if (error.name !== "AbortError") throw error; }
      draw();
    };
    // Switch to a track: to `at` seconds, to a share of its length, or where the one before is.
    const choose = async (track, { at = null, share = null, sound = true } = {}) => {
      const mine = ++turn;
      last = player;
      if (sound) wanted = player;
      await load(track);
      await known(track.audio);
      if (mine !== turn) return;
      const before = now, kept = before.own === track.own ? before.audio.currentTime : null;
      const asked = share === null ? at : share * (track.audio.duration || 0);
      const position = asked ?? (before === track ? null : kept);
      const ended = position !== null && position >= track.audio.duration - 0.02;
      if (position !== null) track.audio.currentTime = ended ? 0 : position;
      if (before !== track) before.audio.pause();
      now = track;
      for (const each of tracks) each.pick.setAttribute("aria-pressed", String(each === now));
      for (const each of tracks) each.row.classList.toggle("chosen", each === now);
      // While the track was loaded, another player may have been asked to play.
      if (sound && wanted === player) await start(); else draw();
    };

    for (const track of tracks) {
      track.audio.controls = false;
      track.audio.addEventListener("pause", draw);
      track.audio.addEventListener("seeked", draw);
      track.audio.addEventListener("loadedmetadata", draw);
      track.pick.disabled = false;
      track.pick.addEventListener("click", () => {
        if (track === now && !now.audio.paused) now.audio.pause(); else choose(track);
      });
      track.view.addEventListener("click", (event) => {
        const box = track.view.getBoundingClientRect();
        const share = (event.clientX - box.left) / box.width;
        choose(track, { share, sound: !now.audio.paused });
      });
    }
    if (film) {
      film.addEventListener("loadeddata", draw, { once: true });
      if (location.protocol.startsWith("http")) fetched(film).then((address) => { film.src = address; });
    }
    play.disabled = seek.disabled = false;
    play.addEventListener("click", player.toggle);
    seek.addEventListener("input", () => choose(now, { at: Number(seek.value), sound: !now.audio.paused }));
    root.classList.add("ready");
    tracks[0].row.classList.add("chosen");
    tracks[0].pick.setAttribute("aria-pressed", "true");
    players.push(player);
    draw();
  };
  document.querySelectorAll("[data-player]").forEach(setUp);

  const keys = document.querySelector("[data-keys]");
  const open = document.querySelector("[data-keys-open]");
  const list = () => keys.open ? keys.close() : keys.showModal();
  if (open) open.addEventListener("click", list);
  if (keys) keys.addEventListener("click", (event) => { if (event.target === keys) keys.close(); });

  // The player that keys act on: with the focus, used last, or the first on the screen.
  const active = () => {
    const shown = ({ root }) => {
      const box = root.getBoundingClientRect();
      return box.bottom > 60 && box.top < innerHeight;
    };
    const whole = ({ root }) => root.getBoundingClientRect().top >= 0 && shown({ root });
    return players.find(({ root }) => root.contains(document.activeElement))
      ?? (last && shown(last) ? last : players.find(whole) ?? players.find(shown) ?? players[0]);
  };
  const MOVES = { ArrowLeft: -STEP_S, ArrowRight: STEP_S };
  const act = (event) => {
    const on = (selector) => event.target instanceof Element && event.target.matches(selector);
    if (event.key === "?" && keys) { list(); return true; }
    if (keys?.open || !players.length) return false;
    if (event.key === " ") {
      if (on("button, a, summary")) return false; // they have a use for it
      if (!event.repeat) active().toggle();
      return true;
    }
    if (event.key in MOVES) {
      if (on("input, .scroll")) return false; // they move by it
      active().step(MOVES[event.key]);
      return true;
    }
    return !event.repeat && active().press(event.key.toLowerCase());
  };
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.matches("input:not([type=range]), select, textarea")) return;
    if (act(event)) event.preventDefault();
  });
})();
