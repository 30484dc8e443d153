// Turns the floors into lint overrides. An override replaces a rule as a whole, so each one here carries everything
// that holds for its files.
import {
  bannedGlobals,
  bannedModules,
  bannedProperties,
  everywhere,
  floors,
  openings,
  sleeps,
  taskRooms,
  windows,
} from "./floors.mjs";

/** A message starts with the name of its rule, so that a planted violation can be matched to it. */
const say = (rule, why) => `[${rule}] ${why}`;

const doors = [
  {
    regex: "^@lexigram/[^/]+/(src|dist|test)(/|$)",
    message: say("packages-enter-by-the-door", "Import the package by its name, or one of its doors."),
  },
];
const doorsFromSources = [
  ...doors,
  {
    regex: "^(\\.\\./)+(.*/)?(src|dist|test)/",
    message: say("packages-enter-by-the-door", "A path that leaves src goes around a door."),
  },
];
const doorsFromTests = [
  ...doors,
  {
    regex: "^(\\.\\./)+([^./][^/]*/)+(src|dist|test)/",
    message: say("packages-enter-by-the-door", "A test may enter its own src; other packages by their name."),
  },
];

/** Windows that stay shut for a file, seen from anywhere but the files they name. */
function shutWindows(file, { tests = false } = {}) {
  return windows
    .filter(({ files, typesAnywhere }) => !files.includes(file) && !(tests && typesAnywhere))
    .map(({ module, files, typesAnywhere = false }) => ({
      regex: `^${module}(/|$)`,
      message: say("one-window-per-library", `Only ${files.join(" and ")} import ${module}.`),
      allowTypeImports: typesAnywhere,
    }));
}

/** A group that shuts everything but `only`, a file's own neighbours and Node. */
const nothingBut = (only) => ["**", ...[...everywhere, ...only].map((name) => `!${name}`)];

/** A group that shuts every package of ours but `lexigram`. */
const noneOfOursBut = (lexigram) => ["@lexigram/**", ...lexigram.map((name) => `!@lexigram/${name}`)];

const floorGroup = ({ only, lexigram }) => (only ? nothingBut(only) : noneOfOursBut(lexigram));

const floorPattern = (floor) => ({ group: floorGroup(floor), message: say(floor.rule, floor.why) });

/** Rooms that stay hidden from a place of packages/tasks/src: a room, or a file by its path. */
function hiddenRooms(place) {
  return Object.entries(taskRooms)
    .filter(([room, { seenBy }]) => room !== place && seenBy && !seenBy.includes(place))
    .map(([room, { seenBy }]) => ({
      regex: `^(\\./|(\\.\\./)+)${room}/`,
      message: say(`tasks-${room}-is-seen-by-few`, `Only ${seenBy.join(", ")} import ${room}/.`),
    }));
}

/** What a room may see, from its folders at `depth` below src. In a group the last match wins. */
function roomPattern(room, depth, floor) {
  const { sees, packages } = taskRooms[room];
  const up = "../".repeat(depth);
  const rooms = sees ? [`${up}**`, ...sees.map((other) => `!${up}${other}/**`)] : [];
  return {
    group: [...(packages ? nothingBut(packages) : floorGroup(floor)), ...rooms],
    message: say(
      `tasks-${room}-looks-down`,
      `${room}/ sees ${[...(sees ?? ["every room"]), ...(packages ?? floor.lexigram)].join(", ")}.`,
    ),
  };
}

// A name that one group lets in with "!" is let in by every other group too, so a file has one group at most and
// everything else that is shut to it is a regex.
const imports = (modules, ...patterns) => ({
  "no-restricted-imports": [
    "error",
    {
      paths: Object.entries(modules).map(([name, message]) => ({ name, message })),
      patterns: patterns.flat(),
    },
  ],
});

const globals = (banned, open = []) => ({
  "no-restricted-globals": [
    "error",
    {
      globals: Object.entries(banned)
        .filter(([name]) => !open.includes(name))
        .map(([name, message]) => ({ name, message })),
      checkGlobalObject: true,
    },
  ],
});

const properties = (open = []) => ({
  "no-restricted-properties": [
    "error",
    ...bannedProperties
      .filter(([object, property]) => !open.includes(`${object}.${property}`))
      .map(([object, property, message]) => ({ object, property, message })),
  ],
});

function sourceOverrides() {
  const overrides = [
    {
      files: ["packages/*/src/**"],
      rules: { ...globals(bannedGlobals), ...properties(), "max-lines": ["error", { max: 400 }] },
    },
  ];
  for (const floor of floors) {
    const src = `packages/${floor.packages}/src`;
    const inTasks = floor.packages === "tasks";
    const override = (files, ...patterns) =>
      overrides.push({ files: [files], rules: imports(bannedModules, doorsFromSources, ...patterns) });

    override(`${src}/**`, shutWindows(), inTasks ? hiddenRooms("") : [], floorPattern(floor));
    for (const file of new Set(
      windows.flatMap(({ files }) => files).filter((name) => name.startsWith(`${src}/`)),
    ))
      override(file, shutWindows(file), floorPattern(floor));

    if (!inTasks) continue;
    for (const place of new Set(Object.values(taskRooms).flatMap(({ seenBy = [] }) => seenBy)))
      override(`${src}/${place}`, shutWindows(), hiddenRooms(place), floorPattern(floor));
    for (const room of Object.keys(taskRooms))
      for (const depth of [1, 2, 3])
        override(
          `${src}/${room}/${"*/".repeat(depth - 1)}*.ts`,
          shutWindows(),
          hiddenRooms(room),
          roomPattern(room, depth, floor),
        );
  }
  for (const { file, globals: open, properties: openProperties } of openings)
    overrides.push({
      files: [file],
      rules: { ...globals(bannedGlobals, open), ...properties(openProperties) },
    });
  return overrides;
}

/** What holds inside one room, over the rules that hold everywhere. */
export const houseRules = {
  rules: imports({}, doors, shutWindows()),
  overrides: [
    ...sourceOverrides(),
    // As a test does, a benchmark speaks to the server itself: it reads what was spent, and what it holds us against. A
    // chaos run does to end the server's sessions. An example shows how a client of the user's is handed over.
    {
      files: ["{benchmarks,chaos}/src/**", "examples/*/src/**"],
      rules: imports({}, doors, shutWindows(undefined, { tests: true })),
    },
    {
      files: ["{packages,internal,examples}/*/test/**", "{benchmarks,chaos}/test/**"],
      rules: {
        ...globals(sleeps.globals),
        ...imports(sleeps.modules, doorsFromTests, shutWindows(undefined, { tests: true })),
      },
    },
  ],
};
