//! Looking for statements that one call site sends again and again.

use std::borrow::Cow;
use std::collections::HashMap;
use std::panic::Location;

use orm_core::program::Program;
use orm_exec::observe::{NPlusOne, Repeated, RepeatedKind};

use super::Session;

/// What a session has sent, by call site.
pub(super) struct Repeats {
    look: NPlusOne,
    /// The call of the session that is under way.
    call: u64,
    sent: HashMap<&'static Location<'static>, Vec<Sent>>,
}

struct Sent {
    shape: String,
    times: u32,
    /// The call that sent it last.
    call: u64,
}

impl Repeats {
    pub(super) fn new(look: NPlusOne) -> Self {
        Self { look, call: 0, sent: HashMap::new() }
    }

    /// A call of the session begins.
    pub(super) fn called(&mut self) {
        self.call += 1;
    }

    /// Counts one more. Answers how often, if somebody is to be told. What one call sends several times, as a path of
    /// relations from an entity to itself does, counts once: only calls can be in a loop of the program.
    fn add(&mut self, location: &'static Location<'static>, shape: &str) -> Option<u32> {
        let sent = self.sent.entry(location).or_default();
        let times = match sent.iter_mut().find(|sent| sent.shape == shape) {
            Some(sent) if sent.call == self.call => return None,
            Some(sent) => {
                (sent.times, sent.call) = (sent.times.saturating_add(1), self.call);
                sent.times
            }
            None => {
                sent.push(Sent { shape: shape.to_owned(), times: 1, call: self.call });
                1
            }
        };
        let exceeds = match self.look.panics() {
            true => times > self.look.limit(),
            // Once is enough for a log.
            false => times == self.look.limit().saturating_add(1),
        };
        (exceeds && !self.look.allows(location)).then_some(times)
    }
}

impl Session {
    /// Notes a program that is about to be sent: its first statement, as the others ride with it.
    ///
    /// # Panics
    /// If it is one too many, and that is to panic. Nothing of the program has happened by then.
    pub(super) fn look_for_repeats(&mut self, program: &Program, location: &'static Location<'static>) {
        let Some(repeats) = &mut self.repeats else { return };
        let Some(step) = program.steps.first() else { return };
        let shape = without_lists(&step.shape.sql);
        let kind = if step.shape.reads_only { RepeatedKind::Read } else { RepeatedKind::Write };
        if let Some(times) = repeats.add(location, &shape) {
            self.tell_repeated(&Repeated::new(location, times, &shape, kind));
        }
    }

    /// Notes a flush that is about to be sent.
    ///
    /// # Panics
    /// As [`look_for_repeats`](Self::look_for_repeats).
    pub(super) fn look_for_flushes(&mut self, program: &Program, location: &'static Location<'static>) {
        let Some(repeats) = &mut self.repeats else { return };
        let Some(step) = program.steps.first().filter(|_| repeats.look.looks_at_flushes()) else { return };
        if let Some(times) = repeats.add(location, "") {
            self.tell_repeated(&Repeated::new(location, times, &step.shape.sql, RepeatedKind::Flush));
        }
    }

    fn tell_repeated(&self, repeated: &Repeated<'_>) {
        let Some(repeats) = &self.repeats else { return };
        self.engine.telemetry().tell_repeated(repeated);
        repeats.look.act(repeated);
    }
}

/// The text of a statement with lists of placeholders cut to their first element: lists of any length read the same.
fn without_lists(sql: &str) -> Cow<'_, str> {
    match sql.contains('$') {
        // The numbers behind a list depend on its length.
        true => Cow::Owned(without_long_lists(&without_numbers(sql)).into_owned()),
        false => without_long_lists(sql),
    }
}

/// `$1` as `?`.
fn without_numbers(sql: &str) -> String {
    let mut shape = String::with_capacity(sql.len());
    for (at, part) in sql.split('$').enumerate() {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        shape.push_str(match at {
            0 => "",
            _ if rest.len() < part.len() => "?",
            _ => "$",
        });
        shape.push_str(if at == 0 { part } else { rest });
    }
    shape
}

fn without_long_lists(sql: &str) -> Cow<'_, str> {
    if !sql.contains("(?") && !sql.contains("((") {
        return Cow::Borrowed(sql);
    }
    let mut shape = String::with_capacity(sql.len());
    let mut rest = sql;
    while let Some(at) = rest.find('(') {
        let (before, list) = rest.split_at(at + 1);
        shape.push_str(before);
        rest = list;
        let end = end_of_placeholders(list);
        if end > 0 {
            shape.push_str("?, ..");
            rest = &list[end..];
        }
    }
    shape.push_str(rest);
    Cow::Owned(shape)
}

/// How long the list of placeholders is with which a text begins: 0 unless it is one up to its `)`. Elements of several
/// columns are lists themselves: `(?, ?), (?, ?)`.
fn end_of_placeholders(text: &str) -> usize {
    let mut depth = 0;
    let mut placeholders = 0;
    for (at, c) in text.char_indices() {
        match c {
            '?' => placeholders += 1,
            ',' | ' ' => {}
            '(' => depth += 1,
            ')' if depth > 0 => depth -= 1,
            ')' if placeholders > 0 => return at,
            _ => return 0,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::without_lists;

    #[test]
    fn lists_of_any_length_read_the_same() {
        let shape = |list: &str| {
            without_lists(&format!("SELECT a FROM t WHERE b IN ({list}) AND c = ?")).into_owned()
        };
        assert_eq!(shape("?, ?"), shape("?, ?, ?"));
        assert_eq!(shape("?, ?"), shape("?"));
        assert_eq!(shape("?, ?"), "SELECT a FROM t WHERE b IN (?, ..) AND c = ?");
        assert_eq!(shape("(?, ?)"), shape("(?, ?), (?, ?)"));
        assert_eq!(without_lists("f(?, a, ?) = (a)"), "f(?, a, ?) = (a)");
        assert_eq!(
            without_lists("f(?, a) = (SELECT b WHERE c IN (?, ?))"),
            "f(?, a) = (SELECT b WHERE c IN (?, ..))"
        );
        assert_eq!(without_lists("SELECT 'ä(?, ?'"), "SELECT 'ä(?, ?'");
        assert_eq!(without_lists("a IN ($1, $2) AND b = $3"), without_lists("a IN ($1) AND b = $2"));
        assert_eq!(without_lists("f($a$) = $12"), "f($a$) = ?");
    }
}
