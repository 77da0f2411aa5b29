//! Texts that would change a statement if they became a part of it.

/// What ends a text, a name or a number.
const OPENERS: [&str; 14] =
    ["'", "\"", "`", "\\'", "\\\"", "''", "')", "\")", "`)", "'))", "]", "1", "%'", "\u{2019}"];

/// What would follow then.
const BODIES: [&str; 15] = [
    " OR 1=1",
    " OR 1=1 --",
    " OR 'a'='a",
    " AND 1=0 UNION SELECT email, name, 1 FROM users --",
    "; DROP TABLE users; --",
    "; DELETE FROM users; SELECT '1",
    " UNION ALL SELECT NULL, NULL, NULL #",
    "/**/OR/**/1=1/*",
    "||(SELECT name FROM users LIMIT 1)||'",
    "; UPDATE users SET name = 'x' WHERE '1'='1",
    " AND (SELECT count(*) FROM users) > 0 --",
    ") OR EXISTS (SELECT 1) --",
    "; COMMIT; --",
    " ORDER BY 1 --",
    " LIMIT 0, 1 --",
];

/// Those that are of no such form.
const OTHERS: [&str; 56] = [
    "",
    " ",
    "'",
    "\"",
    "`",
    "\\",
    "\\\\",
    "\\'",
    "'\\",
    "''",
    "\"\"",
    "``",
    "--",
    "-- \n",
    "#",
    "/*",
    "*/",
    "/*! DROP TABLE users */",
    "/*!50000 OR 1=1 */",
    ";",
    ";;",
    "?",
    "??",
    "$1",
    "$2::text",
    "$$",
    "$$; DROP TABLE users; $$",
    "$tag$x$tag$",
    ":name",
    "@name",
    "@@version",
    "{0}",
    "{path}",
    "{}",
    "{{",
    "%",
    "_",
    "%_%",
    "\\%",
    "[a-z]",
    "NULL",
    "DEFAULT",
    "excluded.name",
    "CHAR(39)",
    "0x27",
    "E'\\''",
    "U&'\\0027'",
    "_utf8'x'",
    "N'x'",
    "\u{ff07} OR 1=1 --",
    "\u{02bc} OR 1=1 --",
    "a\nb\r\nc\td\u{b}e",
    "\u{202e}' OR 1=1 --",
    "\u{200b}'\u{feff}",
    "🦀' OR '🦀'='🦀",
    "$.a'; DROP TABLE users; --",
];

/// All of them.
pub(crate) fn payloads() -> Vec<String> {
    let made = OPENERS.iter().flat_map(|opener| BODIES.iter().map(move |body| format!("{opener}{body}")));
    let long = ["'".repeat(5_000), "\\".repeat(5_001), "a".repeat(70_000) + "' OR 1=1 --"];
    made.chain(OTHERS.map(str::to_owned)).chain(long).collect()
}
