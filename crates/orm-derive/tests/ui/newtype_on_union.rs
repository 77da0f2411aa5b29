use anyorm::SqlType;

#[derive(SqlType)]
union Bits {
    whole: i64,
    part: i32,
}

fn main() {}
