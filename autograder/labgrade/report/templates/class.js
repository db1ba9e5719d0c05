/* The table of students: sort, search, filter, keys. Only the rows in view are in the document. */
(function () {
  "use strict";

  const data = JSON.parse(document.getElementById("class-data").textContent);
  const FLAG = data.flags;
  const TAGS = [
    ["failure", "not graded in part"], ["look", "look"], ["open", "points open"], ["late", "late"],
    ["missing", "notebook missing"], ["absent", "nothing handed in"], ["byhand", "by hand"],
  ];
  const URGENCY = TAGS.map(([flag]) => flag).reverse();
  const MARGIN_ROWS = 12;
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });

  const fold = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();
  const format = (number) => number === null ? "…" : String(Math.round(number * 100) / 100).replace("-", "−");
  const make = (tag, attributes, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) {
      if (name === "class") element.className = value;
      else element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  };

  /* One object for a student: the arrays of the page's data with names. */
  const students = data.rows.map((row, position) => ({
    position, id: row[0], name: row[1], points: row[2], total: row[3], flags: row[4],
    late: row[5] || "", penalty: row[6] || 0, extra: row[7] || 0, handed: row[8] || "",
    key: fold(row[0] + " " + row[1]),
  }));
  const has = (student, flag) => (student.flags & FLAG[flag]) !== 0;
  const anyone = (test) => students.some(test);

  const tint = (point, most) => {
    if (point === null) return "open";
    const share = most ? point / most : 1;
    return share <= 0 ? "q0" : share >= 1 ? "q4" : "q" + (1 + Math.floor(share * 3));
  };
  const number = (get, width, title, text) => ({
    title, width, isNumber: true, get, fill: (student) => {
      const value = get(student);
      return make("td", { class: "number " + (text ? text(value) : "") }, value === undefined ? "" : format(value));
    },
  });
  const longest = (texts, least, most) => Math.min(most, Math.max(least, ...texts.map((text) => text.length)));

  function makeColumns() {
    const columns = [{
      title: "student", width: longest(students.slice(0, 500).map((one) => one.id), 8, 24) + 4, get: (one) => one.id,
    }];
    if (window.innerWidth >= 640 && anyone((one) => one.name)) { /* a telephone shows names when a student is opened */
      columns.push({
        title: "name", width: longest(students.slice(0, 500).map((one) => one.name), 12, 26) + 2,
        get: (one) => one.name, fill: (one) => make("td", { title: one.name }, one.name),
      });
    }
    columns.push(number((one) => one.total, 12, "total /" + format(data.max), () => "total"));
    data.questions.forEach(([id, most], place) => {
      const title = id + " /" + format(most);
      columns.push(number((one) => one.points[place], Math.max(8, title.length + 2), title, (value) => tint(value, most)));
    });
    if (anyone((one) => one.extra)) columns.push(number((one) => one.extra || undefined, 9, "extra"));
    if (anyone((one) => one.penalty)) columns.push(number((one) => (one.penalty ? -one.penalty : undefined), 10, "penalty"));
    columns.push({
      title: "notes", width: 32, isNumber: true, text: true, get: (one) => URGENCY.reduce(
        (sum, flag, place) => sum + (has(one, flag) ? 2 ** place : 0), 0), fill: (one) => {
        const cell = make("td");
        for (const [flag, label] of TAGS) {
          if (has(one, flag)) cell.append(make("span", { class: "tag tag-" + flag }, flag === "late" ? "late " + one.late : label));
        }
        return cell;
      },
    });
    return columns;
  }

  const columns = makeColumns();
  const box = document.getElementById("class-box");
  const search = document.getElementById("class-search");
  const show = document.getElementById("class-show");
  const clear = document.getElementById("class-clear");
  const count = document.getElementById("class-count");
  const dialog = document.getElementById("class-student");

  let order = { column: 0, down: false };
  let group = null; /* { label, positions } when a list of the page is shown in the table */
  let shown = students;
  let current = -1;
  let rowHeight = 0;
  let range = { first: 0, last: 0 };

  /* ---- the table's frame */
  const head = make("tr");
  columns.forEach((column, place) => {
    const button = make("button", { type: "button" }, column.title);
    button.addEventListener("click", () => sortBy(place));
    head.append(make("th", { scope: "col", class: column.isNumber && !column.text ? "number" : "" }, button));
  });
  const before = make("td", { colspan: columns.length });
  const after = make("td", { colspan: columns.length });
  const body = make("tbody", { id: "class-rows" });
  const table = make("table", { class: "class-table fixed" },
    make("colgroup", {}, ...columns.map((column) => {
      const col = make("col");
      col.style.width = column.width + "ch";
      return col;
    })),
    make("thead", {}, head),
    make("tbody", { "aria-hidden": "true" }, make("tr", { class: "gap" }, before)),
    body,
    make("tbody", { "aria-hidden": "true" }, make("tr", { class: "gap" }, after)));
  table.style.minWidth = columns.reduce((sum, column) => sum + column.width, 0) + "ch";
  if (columns.length > 8) box.classList.add("wide");
  box.append(table);

  /* ---- rows */
  function makeRow(index) {
    const student = shown[index];
    const button = make("button", { type: "button", tabindex: index === current ? "0" : "-1", title: student.id }, student.id);
    button.addEventListener("click", () => { current = index; open(student); });
    const row = make("tr", { "aria-rowindex": String(index + 2) }, make("th", { scope: "row" }, button));
    row.dataset.index = index;
    if (index === current) row.className = "current";
    for (const column of columns.slice(1)) row.append(column.fill(student));
    box.dataset.made = Number(box.dataset.made || 0) + 1;
    return row;
  }

  function draw(first, last) {
    const focused = body.contains(document.activeElement);
    body.replaceChildren(...Array.from({ length: last - first }, (_, offset) => makeRow(first + offset)));
    before.style.height = first * rowHeight + "px";
    after.style.height = (shown.length - last) * rowHeight + "px";
    range = { first, last };
    if (focused) {
      const button = buttonOf(current);
      (button || box).focus({ preventScroll: true });
    }
  }

  function buttonOf(index) {
    const row = body.querySelector('tr[data-index="' + index + '"]');
    return row && row.querySelector("th button");
  }

  function measure() {
    rowHeight = 0;
    if (shown.length) {
      draw(0, 1);
      rowHeight = body.firstElementChild.getBoundingClientRect().height;
      after.style.height = (shown.length - 1) * rowHeight + "px"; /* so that the box has its height */
    }
  }

  function refresh(isForced) {
    if (!rowHeight && shown.length) measure();
    const inView = Math.ceil(box.clientHeight / (rowHeight || 1));
    const top = Math.floor(box.scrollTop / (rowHeight || 1));
    const first = Math.max(0, Math.min(top - MARGIN_ROWS, shown.length));
    const last = Math.min(shown.length, top + inView + MARGIN_ROWS);
    const isInside = top >= range.first && Math.min(top + inView, shown.length) <= range.last;
    if (isForced || !isInside) draw(first, last);
  }

  /* ---- what is shown, and in which order */
  function accepts() {
    const [kind, level] = show.value.split(":");
    if (kind === "all") return () => true;
    if (kind === "look") return (one) => has(one, "look") || has(one, "failure");
    if (level) {
      const place = Number(kind.slice(1));
      const most = data.questions[place][1];
      const isWanted = level === "zero" ? (point) => point <= 0 : (point) => point < most;
      return (one) => !has(one, "absent") && one.points[place] !== null && isWanted(one.points[place]);
    }
    return (one) => has(one, kind);
  }

  function compare(left, right) {
    const column = columns[order.column];
    const a = column.get(left), b = column.get(right);
    const isNone = (value) => value === null || value === undefined || value === "";
    if (isNone(a) !== isNone(b)) return isNone(a) ? 1 : -1; /* what is open or empty stays last */
    const sign = order.down ? -1 : 1;
    const by = isNone(a) ? 0 : column.isNumber ? a - b : collator.compare(a, b);
    return by * sign || collator.compare(left.id, right.id);
  }

  function update() {
    const words = fold(search.value).split(/\s+/).filter(Boolean);
    const isWanted = accepts();
    const listed = group && new Set(group.positions);
    shown = students.filter((one) => (!listed || listed.has(one.position)) && isWanted(one)
      && words.every((word) => one.key.includes(word))).sort(compare);
    current = shown.length ? 0 : -1;
    columns.forEach((_, place) => {
      const isSorted = place === order.column;
      head.children[place].setAttribute("aria-sort", !isSorted ? "none" : order.down ? "descending" : "ascending");
    });
    table.setAttribute("aria-rowcount", String(shown.length + 1));
    clear.hidden = !group;
    if (group) clear.textContent = "✕ " + group.label;
    count.textContent = shown.length === students.length
      ? students.length.toLocaleString("en") + " students"
      : shown.length.toLocaleString("en") + " of " + students.length.toLocaleString("en") + " students";
    box.scrollTop = 0;
    refresh(true);
  }

  function sortBy(place) {
    const isNumber = Boolean(columns[place].isNumber);
    order = { column: place, down: order.column === place ? !order.down : isNumber };
    update();
  }

  /* ---- keys: a row is current; its button has the focus */
  function moveTo(index) {
    if (!shown.length) return;
    current = Math.max(0, Math.min(shown.length - 1, index));
    const headHeight = head.getBoundingClientRect().height;
    const top = current * rowHeight;
    const inView = box.clientHeight - headHeight;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + rowHeight > box.scrollTop + inView) box.scrollTop = top + rowHeight - inView;
    refresh(true);
    buttonOf(current).focus({ preventScroll: true });
  }

  const STEPS = {
    ArrowDown: () => current + 1,
    ArrowUp: () => current - 1,
    PageDown: () => current + Math.max(1, Math.floor(box.clientHeight / rowHeight) - 2),
    PageUp: () => current - Math.max(1, Math.floor(box.clientHeight / rowHeight) - 2),
    Home: () => 0,
    End: () => shown.length - 1,
  };

  box.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    if (!step || event.ctrlKey || event.metaKey || event.altKey || head.contains(event.target)) return;
    event.preventDefault();
    moveTo(event.target === box && event.key.startsWith("Arrow") ? current : step());
  });

  /* ---- a student */
  function open(student) {
    const close = make("button", { type: "button", class: "close" }, "Close");
    close.addEventListener("click", () => dialog.close());
    const heading = make("h3", { id: "class-student-name" }, student.id + (student.name ? " · " + student.name : ""));
    const points = make("ul", {}, ...data.questions.map(([id, most], place) =>
      make("li", {}, id + ": " + format(student.points[place]) + " / " + format(most))));
    const total = "total " + format(student.total) + " / " + format(data.max)
      + (student.extra ? ", extra credit " + format(student.extra) : "")
      + (student.penalty ? ", late penalty −" + format(student.penalty) : "")
      + (student.late ? ", late by " + student.late : "") + (student.handed ? ", handed in " + student.handed : "");
    dialog.replaceChildren(close, heading, make("p", {}, total), points);
    if (has(student, "feedback")) {
      const address = data.feedback + encodeURIComponent(student.id) + ".html";
      dialog.append(make("p", {}, make("a", { href: address }, "feedback page")));
    }
    const findings = data.findings[student.position] || [];
    if (findings.length) {
      dialog.append(make("h4", {}, "Findings"), make("ul", {}, ...findings.map(([severity, code, place, message]) =>
        make("li", {}, make("span", { class: "mark mark-" + severity }, severity), " ", make("code", {}, code), " " + message
          + (place ? " (" + place + ")" : "")))));
    }
    const failed = data.groups.filter(([, , , positions]) => positions.includes(student.position));
    if (failed.length) {
      dialog.append(make("h4", {}, "Failures"), make("ul", {}, ...failed.map(([question, text]) =>
        make("li", {}, make("code", {}, question), " " + text))));
    }
    dialog.showModal();
  }
  dialog.addEventListener("close", () => moveTo(current));

  /* ---- from the page's lists into the table */
  function showGroup(label, positions) {
    group = { label, positions };
    show.value = "all";
    search.value = "";
    update();
    document.getElementById("class").scrollIntoView();
    clear.focus({ preventScroll: true });
  }
  for (const button of document.querySelectorAll(".needs-script")) {
    button.hidden = false;
    button.addEventListener("click", () => {
      if (button.dataset.group) {
        const [question, text, , positions] = data.groups[Number(button.dataset.group)];
        showGroup(question + ": " + text, positions);
      } else if (button.dataset.list) {
        showGroup(...data.lists[Number(button.dataset.list)]);
      } else {
        group = null;
        search.value = "";
        show.value = button.dataset.show;
        update();
        document.getElementById("class").scrollIntoView();
        show.focus({ preventScroll: true });
      }
    });
  }
  clear.addEventListener("click", () => { group = null; update(); search.focus(); });
  search.addEventListener("input", update);
  show.addEventListener("change", update);
  search.form.addEventListener("submit", (event) => event.preventDefault());
  box.addEventListener("scroll", () => refresh(false), { passive: true });
  window.addEventListener("resize", () => { measure(); refresh(true); });

  /* ---- paper: everything, and what is folded unfolds */
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    for (const one of folded) one.open = true;
    draw(0, shown.length);
    box.dataset.printed = String(body.children.length);
  });
  window.addEventListener("afterprint", () => {
    for (const one of folded) one.open = false;
    refresh(true);
  });

  document.getElementById("class-app").hidden = false;
  update();
})();
