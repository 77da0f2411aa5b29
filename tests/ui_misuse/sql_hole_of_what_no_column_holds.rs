use anyorm::prelude::*;

struct Place;

fn main() {
    let place = Place;
    let _ = sql!("SELECT * FROM users WHERE place = {place}");
}
