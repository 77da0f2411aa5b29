//! A crate that knows the facade as `renamed` only: a path of the generated code that is not led by
//! `#[entity(crate = renamed)]` would not compile here.

use renamed::prelude::*;

/// A key of its own type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, renamed::SqlType)]
#[sql_type(crate = renamed)]
pub struct UserId(pub i64);

/// A user.
#[derive(Clone, Debug, Default, Entity)]
#[entity(crate = renamed, table = "users", index("name", "boss"))]
pub struct User {
    /// The key.
    #[key(auto)]
    pub id: UserId,
    /// The name.
    #[column(unique, default = "nobody")]
    pub name: String,
    /// Whom they report to.
    #[belongs_to(on_delete = set_null)]
    pub boss: BelongsTo<Option<User>>,
    /// Whom they lead.
    #[has_many(User::BOSS)]
    pub team: HasMany<User>,
    /// Whom they know.
    #[many_to_many(through = "friends", from = "user_id", to = "friend_id")]
    pub friends: ManyToMany<User>,
    /// The optimistic lock.
    #[version]
    pub version: i64,
}

/// An entity through a longer path to the facade.
#[derive(Clone, Debug, Default, Entity)]
#[entity(crate = crate::facade::inner)]
pub struct Visit {
    /// The day.
    #[key]
    pub day: String,
    /// The visitor.
    #[key]
    #[column(references = User::ID, on_delete = restrict)]
    pub user: UserId,
    /// The visit that came before.
    #[belongs_to(columns("previous_day", "previous_user"))]
    pub previous: BelongsTo<Option<Visit>>,
}

/// What a query selects of a user.
#[derive(Debug, FromRow)]
#[row(crate = renamed)]
pub struct Member {
    /// The name.
    #[row(User::NAME)]
    pub name: String,
    /// Whom they report to.
    #[row(nested)]
    pub boss: Option<Boss>,
}

/// The key of a boss.
#[derive(Debug, FromRow)]
#[row(crate = crate::facade::inner)]
pub struct Boss {
    /// The key.
    #[row(User::BOSS_ID)]
    pub id: Option<UserId>,
}

/// A place that re-exports the facade.
pub mod facade {
    pub use ::renamed as inner;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_of_a_renamed_facade_have_their_metadata() {
        assert_eq!(User::meta().table, "users");
        assert_eq!(User::BOSS_ID.meta().name, "boss_id");
        assert_eq!(User::TEAM.then(User::FRIENDS).relations().len(), 2);
        assert_eq!(Visit::meta().columns.len(), 4);
        assert_eq!(Visit::PREVIOUS_USER.meta().ty, User::ID.meta().ty);
    }

    #[test]
    fn their_keys_are_typed() {
        let visit = Visit { day: "today".into(), user: UserId(3), ..Visit::default() };
        assert_eq!(visit.key(), Some(("today".to_owned(), UserId(3))));
        assert_eq!(User::default().key(), None);
    }
}
