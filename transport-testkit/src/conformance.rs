//! The suite as `#[test]`s.

/// Makes a `#[test]` of each test of the suite, for the transport that the expression gives; in a
/// module of its own where a program tests several. The expression is evaluated for each test.
///
/// ```
/// # struct Memory;
/// # impl transport_testkit::Subject for Memory {
/// #     fn name(&self) -> &str { "mem" }
/// #     fn add_to(&self, _: &channel::Domain) {}
/// #     fn endpoint(&self, broker: &str) -> channel::Endpoint {
/// #         channel::mem::Mem::endpoint(broker).unwrap()
/// #     }
/// # }
/// mod memory {
/// #   use super::*;
///     transport_testkit::conformance!(Memory);
/// }
/// mod with_a_limit {
/// #   use super::*;
///     transport_testkit::conformance!(Memory, std::time::Duration::from_secs(5));
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! conformance {
    ($subject:expr) => {
        $crate::conformance!($subject, $crate::DEFAULT_LIMIT);
    };
    ($subject:expr, $limit:expr) => {
        $crate::__list!([$crate::__tests] { $subject, $limit });
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __tests {
    ({ $subject:expr, $limit:expr } $($module:ident $promise:literal $name:ident $statement:literal;)*) => {$(
        #[test]
        #[doc = $statement]
        fn $name() {
            $crate::run_test($subject, stringify!($name), $limit);
        }
    )*};
}
