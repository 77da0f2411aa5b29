//! Counts lines of code between `begin: <task>` and `end: <task>`, which are comments of the program.

use std::path::Path;

use sqlite_bench_common::Fault;

use super::TASKS;

/// The lines that each task takes, in the order of [`TASKS`].
pub(super) struct Lines(pub(super) [usize; TASKS.len()]);

impl Lines {
    /// Of this text, which is in that file.
    pub(super) fn of(source: &Path, text: &str) -> Result<Self, Fault> {
        let comment = if source.extension().is_some_and(|end| end == "py") { "#" } else { "//" };
        Self::in_text(text, comment).map_err(|problem| format!("{}: {problem}", source.display()).into())
    }

    /// Blank lines and comments do not count. A task may have several parts.
    fn in_text(text: &str, comment: &str) -> Result<Self, String> {
        let mut lines = Self([0; TASKS.len()]);
        let mut open = None;
        for line in text.lines().map(str::trim) {
            let remark = line.strip_prefix(comment).map(str::trim);
            if let Some(task) = remark.and_then(|remark| remark.strip_prefix("begin: ")) {
                let at = TASKS.iter().position(|(name, _)| *name == task);
                let at = at.ok_or_else(|| format!("there is no task `{task}`"))?;
                if open.replace(at).is_some() {
                    return Err(format!("`{task}` begins inside of another task"));
                }
            } else if let Some(task) = remark.and_then(|remark| remark.strip_prefix("end: ")) {
                if open.take().is_none_or(|at| TASKS[at].0 != task) {
                    return Err(format!("`{task}` ends where it has not begun"));
                }
            } else if let Some(at) = open
                && !line.is_empty()
                && remark.is_none()
            {
                lines.0[at] += 1;
            }
        }
        if let Some(at) = open {
            return Err(format!("`{}` does not end", TASKS[at].0));
        }
        match lines.0.iter().position(|lines| *lines == 0) {
            Some(at) => Err(format!("`{}` has no lines", TASKS[at].0)),
            None => Ok(lines),
        }
    }

    pub(super) fn sum(&self) -> usize {
        self.0.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two parts of the first task, and a line of each other.
    fn program(first: &str) -> String {
        let others = TASKS[1..].iter().map(|(name, _)| format!("// begin: {name}\nx\n// end: {name}\n"));
        first.to_owned() + &others.collect::<String>()
    }

    #[test]
    fn code_counts() {
        let first = "use x;\n// begin: models\na\n\n    // why\n#[b]\n// end: models\nc\n  // begin: models\nd\n  // end: models\n";
        let lines = Lines::in_text(&program(first), "//").expect("all begin and end");
        assert_eq!((lines.0[0], lines.0[1], lines.sum()), (3, 1, 12));
    }

    #[test]
    fn what_is_not_in_order_is_refused() {
        let problem = |first: &str| Lines::in_text(&program(first), "//").err().unwrap_or_default();
        assert_eq!(problem(""), "`models` has no lines");
        assert_eq!(problem("// begin: nothing\n"), "there is no task `nothing`");
        assert_eq!(problem("// end: models\n"), "`models` ends where it has not begun");
        assert_eq!(problem("// begin: models\na\n"), "`insert_graph` begins inside of another task");
    }
}
