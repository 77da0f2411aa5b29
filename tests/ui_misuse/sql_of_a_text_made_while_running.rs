use anyorm::prelude::*;

fn main() {
    let name = "Ada";
    let _ = sql(format!("SELECT * FROM users WHERE name = '{name}'"));
}
