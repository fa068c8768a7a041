import DequeModule

/// The last frames that a session was sent, with their numbers.
struct RetainedFrames {
    /// A slot among the frames, and what the allocator adds to a text.
    private static let slotSize = 96

    private var frames = Deque<(sequence: Int, text: String)>()
    private var textSize = 0
    /// How many bytes of texts are kept.
    private var limit: Int

    /// - Parameter limit: How many bytes of texts are kept.
    init(limit: Int) { self.limit = limit }

    /// Keeps others, the last of them where they are too many.
    mutating func replace(by frames: [(sequence: Int, text: String)]) {
        self.frames = Deque(frames)
        textSize = frames.reduce(0) { $0 + $1.text.utf8.count }
        trim()
    }

    /// How many bytes they take.
    var size: Int { textSize + frames.count * Self.slotSize }

    /// All of them, the first first.
    var all: [(sequence: Int, text: String)] { Array(frames) }

    /// The texts of those after a number.
    func texts(after seen: Int) -> [String] { frames.filter { $0.sequence > seen }.map(\.text) }

    /// Keeps another.
    ///
    /// - Returns: How many bytes more are kept now.
    mutating func append(_ text: String, as sequence: Int) -> Int {
        let before = size
        frames.append((sequence, text))
        textSize += text.utf8.count
        trim()
        return size - before
    }

    /// Keeps as many bytes of texts from now on.
    ///
    /// - Returns: How many bytes more are kept now, 0 or less.
    mutating func change(limit: Int) -> Int {
        let before = size
        self.limit = limit
        trim()
        return size - before
    }

    /// Keeps none of them.
    mutating func removeAll() { (frames, textSize) = (Deque(), 0) }

    private mutating func trim() {
        while textSize > limit, let oldest = frames.popFirst() { textSize -= oldest.text.utf8.count }
    }
}
