//! `docs/cancellation.md` has a row for each public async call, and each row is proved by a case of `tests/cancellation`, or
//! of `tests/postgres` for what SQLite does not have.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a call returns that runs as it is awaited, and can be dropped.
const FUTURES: [&str; 6] =
    ["Operation<", "RunSync<", "impl Future<", "impl Stream<", "RowStream<", "dyn Future<"];

#[test]
fn every_async_call_has_a_row() {
    let (calls, rows) = (calls(), rows(&crate::read("docs/cancellation.md")));
    for expected in [
        "Engine::all",
        "Savepoint::update_many",
        "Session::commit",
        "bridge::run_sync",
        "EngineExt::transaction",
    ] {
        assert!(calls.contains(expected), "the search finds {expected}: {calls:?}");
    }
    let without: Vec<&String> = calls.difference(&rows).collect();
    assert!(without.is_empty(), "say in docs/cancellation.md what a drop leaves behind: {without:?}");
    let stale: Vec<&String> = rows.difference(&calls).collect();
    assert!(stale.is_empty(), "docs/cancellation.md has rows of calls that are not there: {stale:?}");
}

#[test]
fn every_row_has_a_case_that_drops_the_call() {
    let rows = rows(&crate::read("docs/cancellation.md"));
    let cases: BTreeSet<String> = ["tests/cancellation", "tests/postgres"]
        .into_iter()
        .flat_map(crate::rust_files)
        .flat_map(|path| cases(&crate::read(&path)))
        .collect();
    let unproved: Vec<&String> = rows.difference(&cases).collect();
    assert!(unproved.is_empty(), "tests/cancellation drops no such call: {unproved:?}");
    let stale: Vec<&String> = cases.difference(&rows).collect();
    assert!(stale.is_empty(), "docs/cancellation.md has no row of: {stale:?}");
}

/// Readers look at the method first.
#[test]
fn every_async_call_says_it_in_its_documentation() {
    let silent: Vec<String> =
        documented_calls().into_iter().filter(|(_, docs)| !says_it(docs)).map(|(call, _)| call).collect();
    assert!(
        silent.is_empty(),
        "give these a paragraph `Dropped: ..`, or refer to a call that has one: {silent:?}"
    );
    assert!(
        says_it("Reads. Dropped: stopped.")
            && says_it("As [`Session::all`].")
            && says_it("See [`run_sync`].")
    );
    assert!(!says_it("Reads all rows. # Errors As [`all`](Self::all)."));
}

/// Whether a documentation says what a drop leaves behind, or stands for that of another call.
fn says_it(docs: &str) -> bool {
    let before_errors = docs.split("# Errors").next().unwrap_or_default();
    let refers = [
        "As [`",
        "as [`",
        "See [`",
        "[`transaction`](EngineExt::transaction) for",
        "[`begin`](Self::begin) for",
    ];
    ["ropped", "dropping"].iter().any(|word| docs.contains(word))
        || refers.iter().any(|words| before_errors.contains(words))
}

#[test]
fn calls_are_found_in_code() {
    let code = "
impl Engine {
    verbs!(on, \"engine\");

    /// An operation.
    pub fn close(
        &self,
    ) -> Operation<'_, ()> {
    }

    #[doc(hidden)]
    pub fn lease(&self) -> impl Future<Output = ()> {}

    pub(crate) fn inner(&self) -> Operation<'_, ()> {}

    pub fn statistics(&self) -> Statistics {}
}

impl<E: Entity> Hidden<E> {
    pub fn close(self) -> Operation<'static, ()> {}
}

pub trait EngineExt {
    fn session(&self) -> Session;

    fn transaction<F>(&self, body: F) -> impl Future<Output = F>
    where
        F: Send;
}

impl EngineExt for Engine {
    fn transaction<F>(&self, body: F) -> impl Future<Output = F> {}
}

impl<'a, T> Operation<'a, T> {
    pub fn new(future: impl Future<Output = T>) -> Self {}

    pub fn timeout(self, limit: Duration) -> Self {}
}

pub async fn run_sync() {}

fn helper() -> Operation<'static, ()> {}
";
    let all = Function { name: "all".into(), docs: String::new() };
    let verbs = BTreeMap::from([("verbs".to_owned(), vec![all])]);
    let futures = types_in("impl<T> Future for Operation<'_, T> {\n");
    assert_eq!(futures, ["Operation"]);
    let public = ["Engine", "EngineExt", "Operation", "run_sync"];
    let found = calls_in(code, "bridge", &public, &futures, &verbs);
    let expected =
        ["Engine::all", "Engine::close", "EngineExt::transaction", "Operation::timeout", "bridge::run_sync"];
    assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), expected);
    assert_eq!(found["Engine::close"], "An operation.");
}

#[test]
fn calls_of_a_macro_are_found() {
    let code = "
macro_rules! verbs {
    ($on:ident) => {
        pub fn all<Q>(&self) -> $crate::operation::Operation<'_, Q>
        where
            Q: Query,
        {
        }

        pub fn name(&self) -> String {
        }
    };
}
";
    let found = macros_in(code, &["Operation".to_owned()]);
    assert_eq!(found["verbs"].iter().map(|function| &*function.name).collect::<Vec<_>>(), ["all"]);
}

#[test]
fn rows_and_cases_are_found() {
    let page = "| call | dropped |\n|---|---|\n| `Engine::all` | stopped |\n| `Tx::commit`, as above | x |\ntext `A::b`";
    assert_eq!(rows(page), BTreeSet::from(["Engine::all".to_owned(), "Tx::commit".to_owned()]));
    let code = "[\"Engine::all\" => x, \"not one\" => y, \"Tx::commit\" =>\n z]; says(\"A::b\")";
    assert_eq!(cases(code), BTreeSet::from(["Engine::all".to_owned(), "Tx::commit".to_owned()]));
}

/// The first cell of each row of a table, where it is the name of a call.
fn rows(page: &str) -> BTreeSet<String> {
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    cells.map(|(name, _)| name.to_owned()).filter(|name| is_call(name)).collect()
}

/// Names of calls in front of an arrow.
fn cases(code: &str) -> BTreeSet<String> {
    let parts: Vec<&str> = code.split('"').collect();
    let named = parts.windows(2).filter(|pair| pair[1].trim_start().starts_with("=>"));
    named.map(|pair| pair[0].to_owned()).filter(|name| is_call(name)).collect()
}

fn is_call(name: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_');
    name.split_once("::").is_some_and(|(of, call)| is_word(of) && is_word(call))
}

/// The public async calls of the crates that do I/O.
fn calls() -> BTreeSet<String> {
    documented_calls().into_keys().collect()
}

/// A function that returns a future, and its documentation on one line.
#[derive(Clone)]
struct Function {
    name: String,
    docs: String,
}

/// The calls with their documentation.
fn documented_calls() -> BTreeMap<String, String> {
    let facade = crate::read("crates/anyorm/src/lib.rs") + &crate::read("crates/orm-exec/src/bridge.rs");
    let public: Vec<&str> =
        facade.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty()).collect();
    let files: Vec<_> =
        ["crates/orm-exec/src", "crates/orm-session/src"].into_iter().flat_map(crate::rust_files).collect();
    let futures: Vec<String> = files.iter().flat_map(|path| types_in(&crate::read(path))).collect();
    let macros = files.iter().flat_map(|path| macros_in(&crate::read(path), &futures)).collect();
    let calls = |path: &PathBuf| calls_in(&crate::read(path), module_of(path), &public, &futures, &macros);
    files.iter().flat_map(calls).collect()
}

/// The module that users find a free function of this file in.
fn module_of(path: &Path) -> &'static str {
    if path.iter().any(|part| part == "bridge" || part == "bridge.rs") { "bridge" } else { "anyorm" }
}

/// The types that are futures or streams.
fn types_in(code: &str) -> Vec<String> {
    let heads = code.lines().filter(|line| line.starts_with("impl"));
    let futures = heads.filter_map(|head| {
        let (_, of) = head.split_once(" Future for ").or_else(|| head.split_once(" Stream for "))?;
        Some(first_word(of).to_owned())
    });
    futures.collect()
}

/// The async methods that each macro writes.
fn macros_in(code: &str, futures: &[String]) -> BTreeMap<String, Vec<Function>> {
    let bodies = items(code).into_iter().filter_map(|(head, body)| {
        let name = head.strip_prefix("macro_rules! ")?.trim_end_matches(" {");
        Some((name.to_owned(), async_functions(&body, "        ", "pub ", "", futures)))
    });
    bodies.filter(|(_, functions)| !functions.is_empty()).collect()
}

fn calls_in(
    code: &str,
    module: &str,
    public: &[&str],
    futures: &[String],
    macros: &BTreeMap<String, Vec<Function>>,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (head, body) in items(code) {
        let (of, functions) = if let Some(name) = head.strip_prefix("pub trait ") {
            (first_word(name), async_functions(&body, "    ", "", "", futures))
        } else if head.starts_with("impl") && !head.contains(" for ") {
            let of = first_word(after_generics(&head["impl".len()..]));
            let mut functions = async_functions(&body, "    ", "pub ", of, futures);
            for (name, more) in macros {
                if body.iter().any(|line| line.starts_with(&format!("    {name}!("))) {
                    functions.extend(more.iter().cloned());
                }
            }
            (of, functions)
        } else {
            continue;
        };
        if public.contains(&of) {
            let named = functions.into_iter().map(|Function { name, docs }| (format!("{of}::{name}"), docs));
            found.extend(named);
        }
    }
    let lines: Vec<String> = code.lines().map(str::to_owned).collect();
    let free = async_functions(&lines, "", "pub ", "", futures).into_iter();
    let free = free.filter(|function| public.contains(&function.name.as_str()));
    found.extend(free.map(|Function { name, docs }| (format!("{module}::{name}"), docs)));
    found
}

/// Items with a body at the margin, as rustfmt lays them out: the head, and the lines up to the closing brace.
fn items(code: &str) -> Vec<(String, Vec<String>)> {
    let mut items = Vec::new();
    let mut lines = code.lines();
    while let Some(line) = lines.next() {
        let opens = ["impl", "pub trait ", "macro_rules! "].iter().any(|start| line.starts_with(start));
        if !opens || line.ends_with('}') {
            continue;
        }
        let mut head = line.to_owned();
        while !head.ends_with('{') {
            let Some(more) = lines.next() else { break };
            head.push(' ');
            head.push_str(more.trim());
        }
        let body = lines.by_ref().take_while(|line| *line != "}").map(str::to_owned).collect();
        items.push((head, body));
    }
    items
}

/// The functions of this margin that return a future, those that the documentation hides left out.
fn async_functions(
    lines: &[String],
    margin: &str,
    visibility: &str,
    of: &str,
    futures: &[String],
) -> Vec<Function> {
    let mut found = Vec::new();
    let (mut hidden, mut docs) = (false, Vec::new());
    for (number, line) in lines.iter().enumerate() {
        let Some(text) = line.strip_prefix(margin).filter(|text| !text.starts_with([' ', '}'])) else {
            continue;
        };
        if text.starts_with("#[doc(hidden)]") {
            hidden = true;
        }
        if let Some(line) = text.strip_prefix("///") {
            docs.push(line.trim());
            continue;
        }
        // The rest of an attribute on several lines.
        if text.starts_with(['#', ')']) {
            continue;
        }
        let function = text.strip_prefix(visibility).unwrap_or_default();
        let (is_async, name) = match function.strip_prefix("async fn ") {
            Some(name) => (true, name),
            None => (false, function.strip_prefix("fn ").unwrap_or_default()),
        };
        if !name.is_empty() && !hidden && (is_async || returns_a_future(&lines[number..], of, futures)) {
            let docs = docs.join(" ");
            found.push(Function { name: first_word(name).to_owned(), docs: docs.trim().to_owned() });
        }
        hidden = false;
        docs.clear();
    }
    found
}

/// Whether the signature that begins here, of a method of this type, has a future behind its arrow.
fn returns_a_future(lines: &[String], of: &str, futures: &[String]) -> bool {
    let mut signature = String::new();
    for line in lines {
        signature.push_str(line.trim());
        signature.push(' ');
        if line.ends_with('{') || line.ends_with(';') || line.ends_with('}') || line.trim() == "where" {
            break;
        }
    }
    // Arrows inside of parentheses are those of closures that it takes.
    let mut depth = 0;
    let mut output = "";
    for (at, character) in signature.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            '-' if depth == 0 && signature[at..].starts_with("->") && output.is_empty() => {
                output = &signature[at..]
            }
            _ => {}
        }
    }
    let output = output.split(" where ").next().unwrap_or_default();
    let words = || output.split(|c: char| !c.is_alphanumeric() && c != '_');
    FUTURES.iter().any(|future| output.contains(future))
        || words().any(|word| futures.iter().any(|future| future == word))
        // A future that becomes another one.
        || futures.iter().any(|future| future == of)
            && words().any(|word| word == "Self")
            && signature.contains("self")
}

/// What follows the generics of an `impl`.
fn after_generics(text: &str) -> &str {
    if !text.starts_with('<') {
        return text.trim_start();
    }
    let mut depth = 0;
    for (at, character) in text.char_indices() {
        match character {
            '<' => depth += 1,
            '>' if !text[..at].ends_with(['-', '=']) => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return text[at + 1..].trim_start();
        }
    }
    text
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
}
