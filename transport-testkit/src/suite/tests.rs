//! The table of tests, made of the one list in [`list`](crate::list).

use super::world::World;
use crate::law;

/// One test of the suite.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Test {
    /// Its name.
    pub name: &'static str,
    /// The promise of the SPEC that it shows, such as `"C4"`.
    pub promise: &'static str,
    /// What must hold, in one line.
    pub statement: &'static str,
    module: &'static str,
    pub(super) run: fn(&World),
}

impl Test {
    /// Whether nothing else may run beside it.
    pub(super) fn is_alone(&self) -> bool {
        self.module == "held"
    }
}

impl std::fmt::Debug for Test {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Test").field(&self.name).finish()
    }
}

macro_rules! table {
    ({ $(#[$doc:meta])* $table:ident } $($module:ident $promise:literal $name:ident $statement:literal;)*) => {
        $(#[$doc])*
        pub const $table: &[Test] = &[$(Test {
            name: stringify!($name),
            promise: $promise,
            statement: $statement,
            module: stringify!($module),
            run: law::$module::$name,
        }),*];
    };
}

crate::__list!([table] {
    /// All tests of the suite.
    TESTS
});
crate::list::__across_list!([table] {
    /// What only two processes can show: tests that a suite [across](super::Suite::across) has besides.
    ACROSS
});
