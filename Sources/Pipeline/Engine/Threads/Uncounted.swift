/// A reference that is not counted, to an object that somebody else keeps alive meanwhile.
///
/// What all threads use for each message is lent by such a reference: a count that each of them changes would keep the
/// processors waiting for each other's caches, and cost more than what it leads to.
package struct Uncounted<Object: AnyObject> {
    @usableFromInline let reference: Unmanaged<Object>

    /// A reference that keeps nothing alive.
    @inlinable
    package init(_ object: Object) { reference = .passUnretained(object) }

    /// Lends the object for as long as `body` runs.
    @inlinable
    @inline(__always)
    package func lend<Result>(to body: (Object) -> Result) -> Result { reference._withUnsafeGuaranteedRef(body) }
}

extension Uncounted: Sendable where Object: Sendable {}
