use anyorm::prelude::*;

fn main() {
    let _ = sql!(concat!("SELECT ", "1"));
}
