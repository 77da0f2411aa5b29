use anyorm::list;
use anyorm::prelude::*;

struct Place;

fn main() {
    let _ = sql!("SELECT * FROM users WHERE place IN ({})", list([Place]));
}
