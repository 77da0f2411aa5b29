//! Rule 9 in full: a key changes, and everything that refers to it follows, however it refers to it.

use anyorm::prelude::*;
use anyorm::{Error, Result, Schema, Trusted, schema};
use orm_testkit::{Behaviour, Database, behaviours};

use crate::support::sent;

pub(crate) const BEHAVIOURS: &[Behaviour] = &behaviours![
    k5_children_by_link_and_by_plain_column_follow,
    k5_a_child_changed_in_the_same_flush_is_found,
    k5_a_child_given_the_new_key_in_the_same_flush,
    k5_a_pair_taken_out_while_its_end_is_renamed,
    k5_keys_made_of_the_key_follow_through_levels,
    k5_children_follow_past_a_row_that_is_not_tracked,
    k5_rows_of_one_table_follow_each_other,
    k7_children_follow_along_a_chain,
    k7_a_chain_is_undone_by_savepoint_and_outer_rollback,
    k7_a_swap_is_refused_with_advice,
    t7_deleted_and_replaced_by_a_renamed_one,
    t7_renamed_twice_and_inserted_elsewhere,
    k8_a_partly_empty_key_is_refused_by_name,
    recover_renames_again,
];

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "teams")]
struct Team {
    #[key]
    name: String,
    motto: String,
    #[has_many(Player::TEAM)]
    players: HasMany<Player>,
    #[many_to_many(through = "sponsors")]
    sponsors: ManyToMany<Firm>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "firms")]
struct Firm {
    #[key]
    name: String,
}

/// A player's key begins with the team's.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "players")]
struct Player {
    #[key]
    #[belongs_to(column = "team_name")]
    team: BelongsTo<Team>,
    #[key]
    shirt: i64,
    name: String,
}

/// A goal refers to a player, and by that to the team.
#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "goals")]
struct Goal {
    #[key(auto)]
    id: i64,
    #[belongs_to(columns("team_name", "shirt"))]
    player: BelongsTo<Player>,
    minute: i64,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "fans")]
struct Fan {
    #[key(auto)]
    id: i64,
    #[column(references = Team::NAME)]
    team: Option<String>,
    #[belongs_to]
    second: BelongsTo<Option<Team>>,
}

#[derive(Clone, Debug, Default, Entity)]
#[entity(table = "parts")]
struct Part {
    #[key]
    code: String,
    #[belongs_to]
    whole: BelongsTo<Option<Part>>,
}

fn league() -> Schema {
    schema![Team, Firm, Player, Goal, Fan, Part]
}

fn team(name: &str) -> Team {
    Team { name: name.into(), ..Team::default() }
}

/// Team `red` with player 7, who shot a goal, fan 1, and a sponsor.
async fn season(db: &Database) -> Result<()> {
    db.engine.create_all(&league()).await?;
    let mut session = db.engine.session();
    let red = session.add(team("red"));
    let player = session.add(Player { team: red.into(), shirt: 7, name: "Ann".into() });
    session.add(Goal { player: player.into(), minute: 5, ..Goal::default() });
    session.add(Fan { team: Some("red".into()), second: red.into(), ..Fan::default() });
    let firm = session.add(Firm { name: "Acme".into() });
    session.link(red, Team::SPONSORS, firm);
    session.commit().await?;
    db.log.clear();
    Ok(())
}

async fn texts(db: &Database, query: &str) -> Result<Vec<String>> {
    db.engine.all(sql(Trusted(query)).returning::<String>()).await
}

async fn k5_children_by_link_and_by_plain_column_follow(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    let fan = session.get_one::<Fan>(1).await?;
    session[red].name = "blue".into();
    session.flush().await?;
    assert_eq!(session.get::<Team>("blue").await?, Some(red));
    assert_eq!(session[fan].team.as_deref(), Some("blue"));
    assert_eq!(session[fan].second.key().map(String::as_str), Some("blue"));
    assert!(!session.is_dirty());
    session.rollback().await?;
    assert_eq!(session[fan].team.as_deref(), Some("red"));
    assert_eq!(session[fan].second.key().map(String::as_str), Some("red"));
    assert_eq!(session.get::<Team>("red").await?, Some(red));
    session[red].name = "green".into();
    session.commit().await?;
    assert_eq!(session[fan].team.as_deref(), Some("green"));
    assert_eq!(texts(&db, "SELECT team || second_id FROM fans").await?, ["greengreen"]);
    Ok(())
}

async fn k5_a_child_changed_in_the_same_flush_is_found(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    let player = session.get_one::<Player>(("red", 7)).await?;
    session[red].name = "blue".into();
    session[player].name = "Bea".into();
    session.commit().await?;
    assert_eq!(session.get::<Player>(("blue", 7)).await?, Some(player));
    assert_eq!(texts(&db, "SELECT team_name || name FROM players").await?, ["blueBea"]);
    // And deleted: no update of the goal, which goes by itself.
    let goal = session.get_one::<Goal>(1).await?;
    session[red].name = "green".into();
    session.delete(goal);
    session.delete(player);
    session.commit().await?;
    assert!(texts(&db, "SELECT name FROM players").await?.is_empty());
    Ok(())
}

async fn k5_a_child_given_the_new_key_in_the_same_flush(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    let fan = session.add(Fan { team: Some("blue".into()), ..Fan::default() });
    let other = session.add(Fan { second: BelongsTo::to_key("blue"), ..Fan::default() });
    let player = session.add(Player { team: red.into(), shirt: 8, name: "Cat".into() });
    session[red].name = "blue".into();
    session.commit().await?;
    assert_eq!(session[fan].team.as_deref(), Some("blue"));
    assert_eq!(session[other].second.key().map(String::as_str), Some("blue"));
    assert_eq!(session.get::<Player>(("blue", 8)).await?, Some(player));
    assert_eq!(
        texts(&db, "SELECT team_name || shirt FROM players ORDER BY shirt").await?,
        ["blue7", "blue8"]
    );
    Ok(())
}

async fn k5_a_pair_taken_out_while_its_end_is_renamed(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    session.load(&[red], Team::SPONSORS).await?;
    let acme = session.get_one::<Firm>("Acme").await?;
    let bond = session.add(Firm { name: "Bond".into() });
    session[red].sponsors.remove(acme);
    session[red].sponsors.push(bond);
    session[red].name = "blue".into();
    session[acme].name = "Apex".into();
    session.commit().await?;
    assert_eq!(texts(&db, "SELECT team_id || firm_id FROM sponsors").await?, ["blueBond"]);
    Ok(())
}

async fn k5_keys_made_of_the_key_follow_through_levels(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    let player = session.get_one::<Player>(("red", 7)).await?;
    let goal = session.get_one::<Goal>(1).await?;
    session.load(&[goal], Goal::PLAYER).await?;
    let mut inner = session.begin_nested().await?;
    inner[red].name = "blue".into();
    inner[player].shirt = 9;
    inner.flush().await?;
    assert_eq!(inner.get::<Player>(("blue", 9)).await?, Some(player));
    assert_eq!(inner.get::<Player>(("red", 7)).await?, None);
    assert_eq!(inner[goal].player.key(), Some(&("blue".to_owned(), 9)));
    inner.rollback().await?;
    assert_eq!(session.get::<Player>(("red", 7)).await?, Some(player));
    assert_eq!(session[goal].player.key(), Some(&("red".to_owned(), 7)));
    session[red].name = "green".into();
    session[goal].minute = 90;
    session.commit().await?;
    assert_eq!(session.get::<Player>(("green", 7)).await?, Some(player));
    assert_eq!(texts(&db, "SELECT team_name || shirt || minute FROM goals").await?, ["green790"]);
    assert!(!session.is_dirty());
    Ok(())
}

async fn k5_children_follow_past_a_row_that_is_not_tracked(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let (red, goal) = (session.get_one::<Team>("red").await?, session.get_one::<Goal>(1).await?);
    session[red].name = "blue".into();
    session.commit().await?;
    assert_eq!(session[goal].player.key(), Some(&("blue".to_owned(), 7)));
    Ok(())
}

async fn k5_rows_of_one_table_follow_each_other(db: Database) -> Result<()> {
    db.engine.create_all(&league()).await?;
    let mut session = db.engine.session();
    let car = session.add(Part { code: "car".into(), ..Part::default() });
    let wheel = session.add(Part { code: "wheel".into(), whole: car.into() });
    session.add(Part { code: "tyre".into(), whole: wheel.into() });
    session.commit().await?;
    session.clear();
    let [car, tyre, wheel] = *session.all(Part::select().order_by(Part::CODE)).await? else {
        panic!("three")
    };
    session[car].code = "cart".into();
    session[wheel].code = "disc".into();
    session.commit().await?;
    assert_eq!(session[wheel].whole.key().map(String::as_str), Some("cart"));
    assert_eq!(session[tyre].whole.key().map(String::as_str), Some("disc"));
    let stored = texts(&db, "SELECT code || '<' || coalesce(whole_id, '') FROM parts ORDER BY code").await?;
    assert_eq!(stored, ["cart<", "disc<cart", "tyre<disc"]);
    Ok(())
}

/// Of a chain of three, each with a fan who holds the key only.
async fn chain(db: &Database) -> Result<()> {
    db.engine.create_all(&league()).await?;
    let mut session = db.engine.session();
    session.add_all(["a", "b", "c"].map(team));
    session.add_all(["a", "b", "c"].map(|name| Fan { team: Some(name.into()), ..Fan::default() }));
    session.commit().await
}

async fn k7_children_follow_along_a_chain(db: Database) -> Result<()> {
    chain(&db).await?;
    let mut session = db.engine.session();
    let [a, b, c] = *session.all(Team::select().order_by(Team::NAME)).await? else { panic!("three") };
    let fans = session.all(Fan::select().order_by(Fan::ID)).await?;
    for (team, name) in [(a, "b"), (b, "c"), (c, "d")] {
        session[team].name = name.into();
    }
    session.commit().await?;
    let teams: Vec<_> = fans.iter().map(|&fan| session[fan].team.clone().unwrap_or_default()).collect();
    assert_eq!(teams, ["b", "c", "d"]);
    assert_eq!(texts(&db, "SELECT team FROM fans ORDER BY id").await?, ["b", "c", "d"]);
    for (team, name) in [(a, "b"), (b, "c"), (c, "d")] {
        assert_eq!(session.get::<Team>(name).await?, Some(team));
    }
    Ok(())
}

async fn k7_a_chain_is_undone_by_savepoint_and_outer_rollback(db: Database) -> Result<()> {
    chain(&db).await?;
    let mut session = db.engine.session();
    let [a, b, c] = *session.all(Team::select().order_by(Team::NAME)).await? else { panic!("three") };
    session[c].name = "archived".into();
    let mut inner = session.begin_nested().await?;
    inner[b].name = "c".into();
    inner[a].name = "b".into();
    inner.release().await?;
    assert_eq!(session.get::<Team>("b").await?, Some(a));
    assert_eq!(session.get::<Team>("c").await?, Some(b));
    session.rollback().await?;
    for (team, name) in [(a, "a"), (b, "b"), (c, "c")] {
        assert_eq!(session[team].name, name);
        assert_eq!(session.get::<Team>(name).await?, Some(team));
    }
    assert_eq!(session.get::<Team>("archived").await?, None);
    Ok(())
}

/// No database changes two keys at once without one that is free in between, and only the program knows such a one.
async fn k7_a_swap_is_refused_with_advice(db: Database) -> Result<()> {
    chain(&db).await?;
    let mut session = db.engine.session();
    let [a, b, _] = *session.all(Team::select().order_by(Team::NAME)).await? else { panic!("three") };
    session[a].name = "b".into();
    session[b].name = "a".into();
    let error = session.flush().await.unwrap_err();
    assert!(matches!(error, Error::Circular(_)), "{error}");
    assert!(error.to_string().contains("a value that is free first"), "{error}");
    // As it says.
    session[b].name = "between".into();
    session.flush().await?;
    session[b].name = "a".into();
    session.commit().await?;
    assert_eq!(session.get::<Team>("b").await?, Some(a));
    assert_eq!(session.get::<Team>("a").await?, Some(b));
    assert_eq!(texts(&db, "SELECT team FROM fans ORDER BY id").await?, ["b", "a", "c"]);
    Ok(())
}

async fn t7_deleted_and_replaced_by_a_renamed_one(db: Database) -> Result<()> {
    db.engine.create_all(&league()).await?;
    let mut session = db.engine.session();
    let [a, b] = ["a", "b"].map(|name| session.add(team(name)));
    session.commit().await?;
    session.delete(a);
    session[b].name = "a".into();
    session.flush().await?;
    assert_eq!(session.get::<Team>("a").await?, Some(b));
    session.rollback().await?;
    assert_eq!(session.get::<Team>("a").await?, Some(a));
    assert_eq!(session.get::<Team>("b").await?, Some(b));
    assert_eq!((session[a].name.as_str(), session[b].name.as_str()), ("a", "b"));
    // In two flushes, and back by a savepoint.
    let mut inner = session.begin_nested().await?;
    inner.delete(a);
    inner.flush().await?;
    inner[b].name = "a".into();
    inner.flush().await?;
    inner.rollback().await?;
    assert_eq!(session.get::<Team>("a").await?, Some(a));
    assert_eq!(session.get::<Team>("b").await?, Some(b));
    session.commit().await?;
    Ok(())
}

async fn t7_renamed_twice_and_inserted_elsewhere(db: Database) -> Result<()> {
    db.engine.create_all(&league()).await?;
    let mut session = db.engine.session();
    let a = session.add(team("a"));
    session.commit().await?;
    for name in ["b", "c"] {
        session[a].name = name.into();
        session.flush().await?;
    }
    let new = session.add(team("a"));
    session.flush().await?;
    assert_eq!(session.get::<Team>("a").await?, Some(new));
    session.rollback().await?;
    assert_eq!(session.get::<Team>("a").await?, Some(a));
    assert!(session.peek(new).is_none());
    session[a].name = "b".into();
    session.commit().await?;
    db.engine.execute(sql("INSERT INTO teams (name, motto) VALUES ('a', '')")).await?;
    session[a].name = "a".into();
    assert!(session.commit().await.unwrap_err().constraint().is_some());
    session.rollback().await?;
    assert_eq!(session.get::<Team>("b").await?, Some(a));
    assert!(session.get::<Team>("a").await?.is_some_and(|other| other != a));
    Ok(())
}

async fn k8_a_partly_empty_key_is_refused_by_name(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let player = session.get_one::<Player>(("red", 7)).await?;
    session[player].team = BelongsTo::default();
    let error = session.flush().await.unwrap_err().to_string();
    assert!(error.contains("Player") && error.contains("`team` is empty"), "{error}");
    session.rollback().await?;
    // What makes no difference is no error.
    let red = session.get_one::<Team>("red").await?;
    session[player].team = red.into();
    db.log.clear();
    session.commit().await?;
    assert!(sent(&db).is_empty());
    Ok(())
}

async fn recover_renames_again(db: Database) -> Result<()> {
    season(&db).await?;
    let mut session = db.engine.session();
    let red = session.get_one::<Team>("red").await?;
    let (player, fan) = (session.get_one::<Player>(("red", 7)).await?, session.get_one::<Fan>(1).await?);
    session[red].name = "blue".into();
    session[player].name = "Bea".into();
    session.flush().await?;
    session.add(team("blue"));
    session.flush().await.unwrap_err();
    session.recover().await?;
    let twin = session.changes().unwrap_err();
    assert!(twin.to_string().contains("two entities of this session would have this key"), "{twin}");
    session[red].name = "green".into();
    session.commit().await?;
    assert_eq!(session.get::<Player>(("green", 7)).await?, Some(player));
    assert_eq!(session[fan].team.as_deref(), Some("green"));
    assert_eq!(texts(&db, "SELECT team_name || name FROM players").await?, ["greenBea"]);
    assert_eq!(texts(&db, "SELECT name FROM teams ORDER BY name").await?, ["blue", "green"]);
    Ok(())
}
