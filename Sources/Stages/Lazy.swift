import Synchronization

/// Keeps what whoever needs it first has made. Several may make it at the same time, of which one stays, so making it must
/// have no effects.
final class Lazy<Value: AnyObject & Sendable>: Sendable {
    private let made = Atomic<Unmanaged<Value>?>(nil)

    /// The value, which is made where there is none yet.
    func value(_ make: () -> Value) -> Value { reference(make).takeUnretainedValue() }

    /// Lends the value without counting a reference, for what every message needs: see `Uncounted` in the engine.
    @inline(__always)
    func lend<Result>(_ make: () -> Value, to body: (Value) throws -> Result) rethrows -> Result {
        try reference(make)._withUnsafeGuaranteedRef(body)
    }

    @inline(__always)
    private func reference(_ make: () -> Value) -> Unmanaged<Value> {
        made.load(ordering: .acquiring) ?? keep(make())
    }

    @inline(never)
    private func keep(_ value: Value) -> Unmanaged<Value> {
        let reference = Unmanaged.passRetained(value)
        let (isKept, former) = made.compareExchange(expected: nil, desired: reference, ordering: .acquiringAndReleasing)
        guard !isKept, let former else { return reference }
        reference.release()
        return former
    }

    deinit { made.load(ordering: .acquiring)?.release() }
}
