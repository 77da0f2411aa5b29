use anyorm::prelude::*;

struct Report;

fn main() {
    let _ = sql("SELECT 1").returning::<Report>();
}
