extension Row {
    /// Whether it holds a part of an answer: `"partial": true` in its metadata, which the engine adds.
    public var isPartial: Bool {
        guard let metadata else { return false }
        return (try? JSONReader.members(["partial"], of: Array(metadata.utf8)))?["partial"] == .bool(true)
    }

    /// Whether its id is made of the client's own, so that it may take the place of a part of the same answer.
    public var mayComeAgain: Bool { id.version == 8 }
}
