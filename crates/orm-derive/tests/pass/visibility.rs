//! Constants are as visible as their struct, whatever their fields are.
#![deny(warnings)]

mod model {
    use anyorm::prelude::*;

    #[derive(Clone, Entity)]
    pub struct Public {
        #[key]
        id: i64,
        #[belongs_to]
        private: BelongsTo<Private>,
        #[belongs_to]
        restricted: BelongsTo<inner::Restricted>,
    }

    #[derive(Clone, Entity)]
    struct Private {
        #[key]
        id: i64,
    }

    mod inner {
        use anyorm::prelude::*;

        #[derive(Clone, Entity)]
        pub(in crate::model) struct Restricted {
            #[key]
            id: i64,
            #[has_many(super::Public::RESTRICTED)]
            publics: HasMany<super::Public>,
        }
    }

    pub(crate) fn positions() -> [usize; 3] {
        [Private::ID.position(), inner::Restricted::ID.position(), inner::Restricted::PUBLICS.meta().position]
    }
}

fn main() {
    assert_eq!(model::Public::ID.position(), 0);
    assert_eq!(model::Public::PRIVATE_ID.meta().name, "private_id");
    assert_eq!(model::positions(), [0, 0, 0]);
}
