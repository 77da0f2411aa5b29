use anyorm::prelude::*;

fn main() {}

pub fn name(session: Session) -> String {
    session[1].name.clone()
}
