/// What has a time at which it is looked at again.
protocol Timed: AnyObject {
    /// Where it stands in ``Deadlines``; `nil` where it does not.
    var deadlineIndex: Int? { get set }
}

/// Deadlines, the next first: adding and removing one costs the logarithm of how many there are, a heap's price.
struct Deadlines<Element: Timed> {
    private struct Entry {
        let time: ContinuousClock.Instant
        // Whoever adds an element removes it before letting go of it. An unowned reference would count each move.
        let element: Unmanaged<Element>
    }

    private var entries: [Entry] = []

    /// The next deadline.
    var next: ContinuousClock.Instant? { entries.first?.time }

    mutating func add(_ element: Element, at time: ContinuousClock.Instant) {
        let entry = Entry(time: time, element: .passUnretained(element))
        entries.append(entry)
        rise(entry, from: entries.count - 1)
    }

    /// Removes an element that may not be there.
    mutating func remove(_ element: Element) {
        guard let index = element.deadlineIndex, let last = entries.popLast() else { return }
        element.deadlineIndex = nil
        guard index < entries.count else { return }
        if index > 0, last.time < entries[(index - 1) / 2].time {
            rise(last, from: index)
        } else {
            sink(last, from: index)
        }
    }

    /// Takes the next one whose time has come.
    mutating func popFirst(at now: ContinuousClock.Instant) -> Element? {
        guard let first = entries.first, first.time <= now else { return nil }
        let element = first.element.takeUnretainedValue()
        remove(element)
        return element
    }

    private mutating func rise(_ entry: Entry, from start: Int) {
        var index = start
        while index > 0, entry.time < entries[(index - 1) / 2].time {
            set(entries[(index - 1) / 2], at: index)
            index = (index - 1) / 2
        }
        set(entry, at: index)
    }

    private mutating func sink(_ entry: Entry, from start: Int) {
        var index = start
        while true {
            var child = 2 * index + 1
            guard child < entries.count else { break }
            if child + 1 < entries.count, entries[child + 1].time < entries[child].time { child += 1 }
            guard entries[child].time < entry.time else { break }
            set(entries[child], at: index)
            index = child
        }
        set(entry, at: index)
    }

    private mutating func set(_ entry: Entry, at index: Int) {
        entries[index] = entry
        entry.element._withUnsafeGuaranteedRef { $0.deadlineIndex = index }
    }
}
