//! Panics that are kept off the terminal: many are part of a behaviour, and the others are reported with its name.

use std::any::Any;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// More panics than there are between that of a behaviour and the report of it, also where several run at once.
const REMEMBERED: usize = 64;

/// What the last panics said, and where they were: who catches one has its message, but not its place.
static LAST: Mutex<VecDeque<(String, String)>> = Mutex::new(VecDeque::new());

/// Prints nothing from now on, and remembers places.
pub(crate) fn quieten() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        let mut last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
        if last.len() == REMEMBERED {
            last.pop_front();
        }
        last.push_back((message(info.payload()).to_owned(), place));
    }));
}

/// What a panic says, and where it was.
pub(crate) fn report(panic: &(dyn Any + Send)) -> String {
    let message = message(panic);
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner);
    let place = last.iter().rev().find(|(said, _)| said == message).map_or("", |(_, place)| place);
    format!("panicked at {place}: {message}")
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("something that is not text")
}
