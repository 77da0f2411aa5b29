//! Entities whose links do what the blog's do not: natural keys that change, and each kind of `on_delete`.

use anyorm::prelude::*;
use anyorm::{EntityHooks, Listeners, Schema, SessionHooks, schema};
use anyorm_tests::{Account, Node, Post, Tag, User};

/// Its key changes.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "countries")]
pub(crate) struct Country {
    #[key]
    pub(crate) code: String,
    #[has_many(City::COUNTRY)]
    pub(crate) cities: HasMany<City>,
    #[has_many(City::TWIN)]
    pub(crate) twins: HasMany<City>,
}

/// Refers to countries in four ways.
#[derive(Clone, Debug, Default, PartialEq, Entity)]
#[entity(table = "cities")]
pub(crate) struct City {
    #[key(auto)]
    pub(crate) id: i64,
    /// The delete of the country is refused.
    #[belongs_to]
    pub(crate) country: BelongsTo<Country>,
    /// Becomes empty by the database's action.
    #[belongs_to(on_delete = set_null)]
    pub(crate) ruler: BelongsTo<Option<Country>>,
    /// Takes the city along.
    #[belongs_to(on_delete = cascade)]
    pub(crate) owner: BelongsTo<Option<Country>>,
    /// Becomes empty by a statement of the flush.
    #[belongs_to]
    pub(crate) twin: BelongsTo<Option<Country>>,
}

/// All the tables of a program.
pub(crate) fn tables() -> Schema {
    schema![User, Post, Tag, Account, Node, Country, City]
}

/// Hooks at all moments, which do nothing: all is as it is without them.
pub(crate) fn hooks() -> Listeners {
    let listeners = Listeners::new().listen(Idle).listen_to::<User>(Idle).listen_to::<Post>(Idle);
    let listeners = listeners.listen_to::<Tag>(Idle).listen_to::<Account>(Idle).listen_to::<Node>(Idle);
    listeners.listen_to::<Country>(Idle).listen_to::<City>(Idle)
}

struct Idle;

impl<E: Entity> EntityHooks<E> for Idle {}

impl SessionHooks for Idle {}
