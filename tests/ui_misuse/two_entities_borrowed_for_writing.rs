//! Two `&mut` into one session: copy what you need from one first.

use anyorm::prelude::*;
use anyorm_tests::Account;

fn main() {}

pub fn swap(mut session: Session, a: Handle<Account>, b: Handle<Account>) {
    std::mem::swap(&mut session[a].balance, &mut session[b].balance);
}
