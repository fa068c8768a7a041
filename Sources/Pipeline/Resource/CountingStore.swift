/// A store that can count without reading.
package protocol CountingStore: RowStore {
    /// How many conversations are stored.
    func sessionCount(in table: String) async throws -> Int

    /// How many messages of a conversation are stored.
    func rowCount(ofSession id: String, in table: String) async throws -> Int
}
