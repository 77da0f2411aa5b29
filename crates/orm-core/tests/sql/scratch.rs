use crate::entities::{Item, Post, Tag, User};
use orm_core::expr::*;
use orm_core::*;

fn show(query: impl Query) {
    let statement = match query.statement() {
        Ok(s) => s,
        Err(e) => return println!("REFUSED {e}"),
    };
    for d in [&SQLITE, &POSTGRES, &MARIADB] {
        match statement.compile(d) {
            Ok(c) => println!("{:10} {}", d.name, c.shape.sql),
            Err(e) => println!("{:10} !! {e}", d.name),
        }
    }
    println!();
}

#[test]
fn scratch() {
    let other = User::alias();
    show(
        User::select()
            .join_on(&other, other.column(User::AGE).gt(User::AGE))
            .columns((User::NAME, other.column(User::NAME))),
    );
    show(
        Post::select()
            .join(Post::AUTHOR)
            .left_join(Post::EDITOR.to(&other))
            .columns((Post::TITLE, other.column(User::NAME).optional())),
    );
    show(Post::select().left_join(Post::EDITOR.to(&other)).columns(other.column(User::NAME)));
    show(User::select().join(User::POSTS).filter(User::POSTS.any(Post::TITLE.eq("x"))));
    let c = Post::select()
        .group_by(Post::AUTHOR_ID)
        .columns((Post::AUTHOR_ID, count_all().filter(Post::RATING.gt(1.0))))
        .cte();
    let (author, n) = c.columns();
    show(User::select().join_on(&c, author.eq(User::ID)).filter(n.gt(1)).columns((User::NAME, n)));
    let d = Post::select().group_by(Post::AUTHOR_ID).columns((Post::AUTHOR_ID, count_all())).derived();
    let (author, n) = d.columns();
    show(d.select().filter(n.gt(2)).columns(author));
    let numbers = recursive(values([1_i64]).select(), |numbers| {
        let n = numbers.columns();
        numbers.select().filter(n.lt(5)).columns(n + 1)
    });
    show(numbers.select());
    show(
        User::select()
            .columns(User::NAME)
            .union(Tag::select().columns(Tag::NAME))
            .except(User::select().columns(User::EMAIL))
            .order_by(|n| n.desc().nulls_last())
            .limit(3),
    );
    let u = User::select()
        .columns((User::NAME, User::ID))
        .union(Tag::select().columns((Tag::NAME, Tag::ID)))
        .derived();
    let (name, id) = u.columns();
    show(u.select().filter(id.gt(1)).columns(name));
    show(Post::select().columns((
        Post::TITLE,
        row_number().over(partition_by(Post::AUTHOR_ID).order_by(Post::ID.desc())),
        sum(Post::RATING).over(window().order_by(Post::ID).rows(preceding(2), current_row())),
    )));
    show(User::select().for_update().skip_locked());
    show(Post::select().distinct_on(Post::AUTHOR_ID).order_by((Post::AUTHOR_ID, Post::ID)));
    show(Post::update().join(Post::AUTHOR).set(Post::TITLE, User::NAME).filter(User::AGE.gt(3)));
    show(Post::delete().join(Post::AUTHOR).filter(User::AGE.gt(3)));
    show(
        Tag::insert()
            .from_select(Tag::NAME, User::select().columns(User::NAME))
            .on_conflict(Tag::NAME)
            .do_nothing(),
    );
    show(
        User::insert()
            .set(User::EMAIL, "x")
            .set(User::AGE, 3)
            .on_conflict(User::EMAIL)
            .do_set(|u| u.set(User::AGE, User::AGE + excluded(User::AGE)).filter(User::AGE.gt(1))),
    );
    show(Item::select().columns(Item::PRICE / 3 % 2 - -Item::PRICE));
    let gone = Tag::delete().filter(Tag::ID.lt(3)).returning(Tag::NAME).cte();
    show(gone.select());
    show(User::select().filter(row_number().over(window()).gt(1)));
    show(
        User::select()
            .filter(User::POSTS.all(Post::RATING.gt(3.0)))
            .filter(User::POSTS.none(Post::RATING.gt(3.0))),
    );
    show(User::select().filter(count(User::ID).gt(1)));
    show(User::select().nowait());
    show(User::select().union(User::select().filter(User::AGE.gt(1))).order_by(|u| u.column(User::NAME)));
    show(User::select().columns((User::ID, User::AGE)).filter(values([1_i64]).select().exists()));
    show(values(Vec::<i64>::new()).select());
}
