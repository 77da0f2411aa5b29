//! Rows that refer to each other, and rows that refer to themselves: trees, chains, lists and rings.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::{elsewhere, sent, settled, stored};

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    rows_linked_by_raw_keys_in_the_wrong_order_are_ordered,
    rows_linked_by_a_unique_column_are_ordered,
    a_ring_of_three_is_stored_by_one_late_update,
    a_ring_of_three_is_deleted_in_one_hop,
    a_ring_with_a_member_that_stays_is_refused_or_emptied,
    parent_and_child_of_a_tree_change_places,
    children_go_to_their_grandparent_when_the_parent_goes,
    a_branch_that_goes_takes_nothing_that_moved_out,
    two_late_links_of_one_row_are_one_update,
    a_late_link_to_an_old_row_is_no_late_link,
    favourites_change_in_one_flush,
    two_tables_with_members_of_each_other,
    tables_in_a_ring_have_an_order_by_rows,
    a_ring_of_required_links_is_named,
    a_page_has_neighbours_and_a_parent,
    a_chain_closes_in_a_second_flush,
    a_new_row_is_its_own_parent_and_goes,
    a_rolled_back_ring_is_sent_again_by_recover,
    both_rows_of_a_pair_of_links_are_replaced,
];

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "leaves")]
struct Leaf {
    #[key]
    id: i64,
    #[belongs_to]
    next: BelongsTo<Option<Leaf>>,
    #[column(unique)]
    code: Option<String>,
    #[column(references = Leaf::CODE)]
    after: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "pages")]
struct Page {
    #[key(auto)]
    id: i64,
    name: String,
    #[belongs_to]
    parent: BelongsTo<Option<Page>>,
    #[has_many(Page::PARENT)]
    children: HasMany<Page>,
    #[belongs_to]
    left: BelongsTo<Option<Page>>,
    #[belongs_to]
    right: BelongsTo<Option<Page>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "owners")]
struct Owner {
    #[key(auto)]
    id: i64,
    name: String,
    #[has_many(Ball::OWNER)]
    balls: HasMany<Ball>,
    #[belongs_to]
    first: BelongsTo<Option<Ball>>,
    #[belongs_to]
    second: BelongsTo<Option<Ball>>,
    #[has_many(Ball::MAKER)]
    made: HasMany<Ball>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "balls")]
struct Ball {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    owner: BelongsTo<Owner>,
    #[belongs_to]
    maker: BelongsTo<Option<Owner>>,
    #[has_many(Owner::FIRST)]
    first_of: HasMany<Owner>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "alphas")]
struct Alpha {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    beta: BelongsTo<Option<Beta>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "betas")]
struct Beta {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    gamma: BelongsTo<Option<Gamma>>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "gammas")]
struct Gamma {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    alpha: BelongsTo<Alpha>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "hens")]
struct Hen {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    egg: BelongsTo<Egg>,
}

#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "eggs")]
struct Egg {
    #[key(auto)]
    id: i64,
    #[belongs_to]
    hen: BelongsTo<Hen>,
}

fn all() -> Schema {
    schema![Leaf, Page, Owner, Ball, Alpha, Beta, Gamma, Hen, Egg]
}

async fn session(db: &Database) -> Result<Session> {
    db.engine.create_all(&all()).await?;
    db.log.clear();
    Ok(db.engine.session())
}

fn page(name: &str) -> Page {
    Page { name: name.into(), ..Page::default() }
}

async fn pages(db: &Database) -> Result<Vec<(String, Option<i64>)>> {
    stored(db, "SELECT name, parent_id FROM pages ORDER BY id").await
}

fn rows(expected: &[(&str, Option<i64>)]) -> Vec<(String, Option<i64>)> {
    expected.iter().map(|&(name, parent)| (name.to_owned(), parent)).collect()
}

async fn rows_linked_by_raw_keys_in_the_wrong_order_are_ordered(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let leaf = |id| Leaf { id, next: BelongsTo::to_key(id - 1), ..Leaf::default() };
    session.add_all([leaf(3), leaf(2), Leaf { id: 1, ..Leaf::default() }]);
    session.commit().await?;
    assert_eq!(
        stored::<(i64, Option<i64>)>(&db, "SELECT id, next_id FROM leaves ORDER BY id").await?,
        [(1, None), (2, Some(1)), (3, Some(2))]
    );
    // Loaded anew, and deleted in an order that is wrong, too.
    let mut session = db.engine.session();
    for leaf in session.all(Leaf::select().order_by(Leaf::ID)).await? {
        session.delete(leaf);
    }
    session.commit().await?;
    assert_eq!(db.engine.count(Leaf::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn rows_linked_by_a_unique_column_are_ordered(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let leaf = |id, code: &str, after: Option<&str>| Leaf {
        id,
        code: Some(code.into()),
        after: after.map(Into::into),
        ..Leaf::default()
    };
    session.add_all([leaf(1, "c", Some("b")), leaf(2, "b", Some("a")), leaf(3, "a", None)]);
    session.commit().await?;
    let mut session = db.engine.session();
    for leaf in session.all(Leaf::select().order_by(Leaf::ID.desc())).await? {
        session.delete(leaf);
    }
    session.commit().await?;
    assert_eq!(db.engine.count(Leaf::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn ring(db: &Database) -> Result<(Session, [Handle<Page>; 3])> {
    let mut session = session(db).await?;
    let pages = ["a", "b", "c"].map(|name| session.add(page(name)));
    for (index, &page) in pages.iter().enumerate() {
        session[page].right = pages[(index + 1) % 3].into();
    }
    session.commit().await?;
    Ok((session, pages))
}

async fn rights(db: &Database) -> Result<Vec<(String, Option<String>)>> {
    let query = "SELECT p.name, r.name FROM pages p LEFT JOIN pages r ON r.id = p.right_id ORDER BY p.name";
    stored(db, query).await
}

async fn a_ring_of_three_is_stored_by_one_late_update(db: Database) -> Result<()> {
    let (mut session, _) = ring(&db).await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(sent(&db).iter().filter(|sql| sql.starts_with("UPDATE")).count(), 1, "{:?}", sent(&db));
    let expected = [("a", "b"), ("b", "c"), ("c", "a")].map(|(a, b)| (a.to_owned(), Some(b.to_owned())));
    assert_eq!(rights(&db).await?, expected);
    settled(&db, &mut session).await
}

async fn a_ring_of_three_is_deleted_in_one_hop(db: Database) -> Result<()> {
    let (mut session, pages) = ring(&db).await?;
    pages.iter().for_each(|&page| session.delete(page));
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(db.engine.count(Page::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn a_ring_with_a_member_that_stays_is_refused_or_emptied(db: Database) -> Result<()> {
    let (mut session, [a, b, c]) = ring(&db).await?;
    session.delete(b);
    session.commit().await?;
    assert!(session[a].right.is_empty(), "a nullable link to a deleted row is emptied");
    session[a].right = c.into();
    session.commit().await?;
    let expected = [("a", "c"), ("c", "a")].map(|(a, b)| (a.to_owned(), Some(b.to_owned())));
    assert_eq!(rights(&db).await?, expected);
    settled(&db, &mut session).await
}

async fn parent_and_child_of_a_tree_change_places(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let upper = session.add(page("upper"));
    let lower = session.add(Page { parent: upper.into(), ..page("lower") });
    session.commit().await?;
    session[lower].parent = BelongsTo::default();
    session[lower].children.push(upper);
    session.commit().await?;
    assert_eq!(pages(&db).await?, rows(&[("upper", Some(2)), ("lower", None)]));
    assert!(session[upper].children.is_empty());
    assert!(session[lower].children.contains(upper));
    settled(&db, &mut session).await
}

async fn children_go_to_their_grandparent_when_the_parent_goes(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(page("root"));
    let middle = session.add(Page { parent: root.into(), ..page("middle") });
    let leaves = ["x", "y"].map(|name| session.add(Page { parent: middle.into(), ..page(name) }));
    session.commit().await?;
    for leaf in leaves {
        session[leaf].parent = root.into();
    }
    session.delete(middle);
    session.commit().await?;
    assert_eq!(pages(&db).await?, rows(&[("root", None), ("x", Some(1)), ("y", Some(1))]));
    assert_eq!(session[root].children.len(), 2);
    settled(&db, &mut session).await
}

async fn a_branch_that_goes_takes_nothing_that_moved_out(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let root = session.add(page("root"));
    let other = session.add(page("other"));
    let branch = session.add(Page { parent: root.into(), ..page("branch") });
    let leaf = session.add(Page { parent: branch.into(), ..page("leaf") });
    session.commit().await?;
    session[other].children.push(leaf);
    [root, branch].iter().for_each(|&page| session.delete(page));
    let fresh = session.add(Page { parent: leaf.into(), ..page("fresh") });
    session.commit().await?;
    assert_eq!(pages(&db).await?, rows(&[("other", None), ("leaf", Some(2)), ("fresh", Some(4))]));
    assert!(session[leaf].children.loaded().is_none_or(|children| children == [fresh]));
    settled(&db, &mut session).await
}

async fn two_late_links_of_one_row_are_one_update(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let owner = session.add(Owner { name: "Ann".into(), ..Owner::default() });
    let balls = [1, 2].map(|_| session.add(Ball { owner: owner.into(), ..Ball::default() }));
    session[owner].first = balls[0].into();
    session[owner].second = balls[1].into();
    session.commit().await?;
    let updates: Vec<_> = sent(&db).into_iter().filter(|sql| sql.starts_with("UPDATE")).collect();
    assert_eq!(updates, ["UPDATE owners SET first_id = ?, second_id = ? WHERE id = ? x1"]);
    assert_eq!(db.log.hops(), 1);
    assert_eq!(session[balls[0]].first_of.loaded(), Some(&[owner][..]));
    settled(&db, &mut session).await
}

async fn a_late_link_to_an_old_row_is_no_late_link(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ann = session.add(Owner::default());
    let ball = session.add(Ball { owner: ann.into(), ..Ball::default() });
    session.commit().await?;
    let bob = session.add(Owner { first: ball.into(), ..Owner::default() });
    session[bob].balls.push(Ball::default());
    db.log.clear();
    session.commit().await?;
    assert!(sent(&db).iter().all(|sql| sql.starts_with("INSERT")), "{:?}", sent(&db));
    assert_eq!(stored::<i64>(&db, "SELECT owner_id FROM balls ORDER BY id").await?, [1, 2]);
    settled(&db, &mut session).await
}

async fn favourites_change_in_one_flush(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let owners = [1, 2, 3].map(|_| session.add(Owner::default()));
    let balls = owners.map(|owner| session.add(Ball { owner: owner.into(), ..Ball::default() }));
    for index in 0..3 {
        session[owners[index]].first = balls[index].into();
    }
    session.commit().await?;
    session[owners[0]].first = balls[1].into();
    session[owners[1]].first = BelongsTo::default();
    let new = session.add(Ball { owner: owners[2].into(), ..Ball::default() });
    session[owners[2]].first = new.into();
    session.delete(balls[2]);
    session.commit().await?;
    assert_eq!(
        stored::<Option<i64>>(&db, "SELECT first_id FROM owners ORDER BY id").await?,
        [Some(2), None, Some(session[new].id)]
    );
    assert_eq!(stored::<i64>(&db, "SELECT count(*) FROM balls").await?, [3]);
    settled(&db, &mut session).await
}

async fn two_tables_with_members_of_each_other(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let ann = session.add(Owner { name: "Ann".into(), ..Owner::default() });
    let ball = session.add(Ball { owner: ann.into(), ..Ball::default() });
    let bob = session.add(Owner { name: "Bob".into(), ..Owner::default() });
    session[ball].first_of.push(bob);
    session[bob].made.push(ball);
    let last = session.add(Ball { owner: bob.into(), ..Ball::default() });
    session[last].first_of.push(ann);
    session.commit().await?;
    assert_eq!(
        stored::<(String, Option<i64>)>(&db, "SELECT name, first_id FROM owners ORDER BY name").await?,
        rows(&[("Ann", Some(session[last].id)), ("Bob", Some(session[ball].id))])
    );
    assert_eq!(session[ball].maker.handle(), Some(bob));
    for owner in [ann, bob] {
        session.delete(owner);
    }
    for ball in [ball, last] {
        session.delete(ball);
    }
    session.commit().await?;
    assert_eq!(db.engine.count(Owner::select()).await? + db.engine.count(Ball::select()).await?, 0);
    settled(&db, &mut session).await
}

async fn tables_in_a_ring_have_an_order_by_rows(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    // The rows are a line, though their tables are a ring.
    let gamma = session.add(Gamma::default());
    let beta = session.add(Beta { gamma: gamma.into(), ..Beta::default() });
    let last = session.add(Alpha { beta: beta.into(), ..Alpha::default() });
    let first = session.add(Alpha::default());
    session[gamma].alpha = first.into();
    session.commit().await?;
    assert!(sent(&db).iter().all(|sql| sql.starts_with("INSERT")), "{:?}", sent(&db));
    session.delete(first);
    session.delete(gamma);
    session.delete(beta);
    session.delete(last);
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    assert_eq!(stored::<i64>(&db, "SELECT count(*) FROM alphas").await?, [0]);
    settled(&db, &mut session).await
}

async fn a_ring_of_required_links_is_named(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let hen = session.add(Hen::default());
    let egg = session.add(Egg { hen: hen.into(), ..Egg::default() });
    session[hen].egg = egg.into();
    let error = session.commit().await.unwrap_err();
    assert!(matches!(error, Error::Circular(_)), "{error}");
    assert!(error.to_string().contains("Hen") && error.to_string().contains("Egg"), "{error}");
    assert_eq!(db.log.hops(), 0);
    session.delete(hen);
    session.delete(egg);
    settled(&db, &mut session).await
}

async fn a_page_has_neighbours_and_a_parent(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let about = session.add(page("about"));
    let [stories, news] = ["stories", "news"].map(|name| session.add(page(name)));
    let cats = session.add(page("cats"));
    session[about].children.push(stories);
    session[about].children.push(news);
    session[stories].right = news.into();
    session[news].left = stories.into();
    session[cats].left = about.into();
    session[about].right = cats.into();
    session.commit().await?;
    // News goes from between, to another parent.
    session[cats].children.push(news);
    session[stories].right = BelongsTo::default();
    session[news].left = BelongsTo::default();
    session.commit().await?;
    assert_eq!(session[about].children.loaded(), Some(&[stories][..]));
    for page in [about, stories, news, cats] {
        session.delete(page);
    }
    session.commit().await?;
    assert!(pages(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_chain_closes_in_a_second_flush(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let alpha = session.add(Alpha::default());
    let gamma = session.add(Gamma { alpha: alpha.into(), ..Gamma::default() });
    session.flush().await?;
    let beta = session.add(Beta { gamma: gamma.into(), ..Beta::default() });
    session[alpha].beta = beta.into();
    session.flush().await?;
    // Again, with all three rows in the session.
    let second = session.add(Gamma { alpha: alpha.into(), ..Gamma::default() });
    session[beta].gamma = second.into();
    session.commit().await?;
    assert_eq!(stored::<Option<i64>>(&db, "SELECT gamma_id FROM betas").await?, [Some(2)]);
    assert_eq!(stored::<Option<i64>>(&db, "SELECT beta_id FROM alphas").await?, [Some(1)]);
    settled(&db, &mut session).await
}

async fn a_new_row_is_its_own_parent_and_goes(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let page = session.add(page("self"));
    session[page].children.push(page);
    session.commit().await?;
    assert_eq!(pages(&db).await?, rows(&[("self", Some(1))]));
    session.delete(page);
    session.commit().await?;
    assert!(pages(&db).await?.is_empty());
    settled(&db, &mut session).await
}

async fn a_rolled_back_ring_is_sent_again_by_recover(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let pages = ["a", "b"].map(|name| session.add(page(name)));
    session[pages[0]].right = pages[1].into();
    session[pages[1]].right = pages[0].into();
    session.flush().await?;
    session.recover().await?;
    elsewhere(&db, "INSERT INTO pages (name) VALUES ('first')").await?;
    session.commit().await?;
    let expected = [("a", Some("b")), ("b", Some("a")), ("first", None)];
    let expected = expected.map(|(name, right)| (name.to_owned(), right.map(str::to_owned)));
    assert_eq!(rights(&db).await?, expected);
    settled(&db, &mut session).await
}

async fn both_rows_of_a_pair_of_links_are_replaced(db: Database) -> Result<()> {
    let mut session = session(&db).await?;
    let old = session.add(Owner::default());
    let worn = session.add(Ball { owner: old.into(), ..Ball::default() });
    session[old].first = worn.into();
    session.commit().await?;
    session.delete(old);
    session.delete(worn);
    let new = session.add(Owner { name: "new".into(), ..Owner::default() });
    let ball = session.add(Ball { owner: new.into(), ..Ball::default() });
    session[new].first = ball.into();
    db.log.clear();
    session.commit().await?;
    assert_eq!(db.log.hops(), 1);
    let left = stored::<(String, Option<i64>)>(&db, "SELECT name, first_id FROM owners").await?;
    assert_eq!(left, rows(&[("new", Some(session[ball].id))]));
    assert_eq!(stored::<i64>(&db, "SELECT owner_id FROM balls").await?, [session[new].id]);
    settled(&db, &mut session).await
}
