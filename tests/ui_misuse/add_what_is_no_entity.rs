use anyorm::prelude::*;

fn main() {}

pub fn add(mut session: Session) {
    session.add("Ada");
}
