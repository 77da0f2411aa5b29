use anyorm::values;

struct Point;

fn main() {
    let _ = values([(1_i64, Point)]);
}
