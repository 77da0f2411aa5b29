//! The tuples that traits are written for: what Rust has no way to say at once.

/// Calls a macro for each tuple of one to twelve parts: `tuple!(A 0, B 1)` for the one of two. For the crates of anyorm.
#[doc(hidden)]
#[macro_export]
macro_rules! each_tuple {
    ($tuple:ident) => {
        $tuple!(A 0);
        $tuple!(A 0, B 1);
        $tuple!(A 0, B 1, C 2);
        $tuple!(A 0, B 1, C 2, D 3);
        $tuple!(A 0, B 1, C 2, D 3, E 4);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
        $tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
    };
}
