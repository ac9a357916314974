package logpulse;

import static java.nio.charset.StandardCharsets.UTF_8;
import static logpulse.Support.SERVICE;
import static logpulse.Support.VERSION_4;
import static logpulse.Support.entry;
import static logpulse.Support.uniqueWord;
import static logpulse.Support.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import logpulse.api.LogsApi;
import logpulse.client.ApiException;
import logpulse.model.BatchSaved;
import logpulse.model.LineError;
import logpulse.model.LogEntry;
import logpulse.model.NewLogEntry;
import logpulse.model.SearchPage;
import logpulse.model.Sort;
import org.junit.jupiter.api.Test;

class CallsTest {
  private final LogsApi logs = new LogsApi(Support.client("LOGPULSE_URL"));

  @Test
  void savesOneEntryAndGetsIt() throws ApiException {
    var saved = logs.saveLog(entry("card declined").level("error").putAttributesItem("region", "eu")).execute();
    assertEquals("Log saved", saved.getMessage());

    var stored = logs.getLog(saved.getId()).prefer("wait=10").execute();
    var age = Duration.between(stored.getTimestamp(), OffsetDateTime.now());
    assertTrue(age.abs().toSeconds() < 60, age.toString());
    var expected =
        new LogEntry()
            .id(saved.getId())
            .timestamp(stored.getTimestamp())
            .serviceName(SERVICE)
            .level("ERROR")
            .message("card declined")
            .attributes(Map.of("region", "eu"));
    assertEquals(expected, stored);
  }

  @Test
  void savesABatchAndReportsTheBadEntry() throws ApiException {
    var entries = List.of(entry("first"), entry("second").id(VERSION_4), entry("third"));
    var batch = logs.saveLogs(entries).ids(true).execute();
    assertEquals(2, batch.getAccepted());
    assertEquals(1, batch.getRejected());
    assertEquals(List.of(new LineError().line(2L).detail("id: must be a UUIDv7")), batch.getErrors());
    assertEquals(List.of(true, false, true), accepted(batch));
  }

  @Test
  void savesNdjson() throws ApiException {
    var lines =
        """
        {"service_name": "payment", "message": "first"}
        {"service_name": "payment"}
        """;
    var batch = logs.saveLogsNdjson(lines.getBytes(UTF_8)).ids(true).execute();
    assertEquals(1, batch.getAccepted());
    assertEquals(1, batch.getRejected());
    assertEquals(List.of(new LineError().line(2L).detail("message: is required")), batch.getErrors());
    assertEquals(List.of(true, false), accepted(batch));
  }

  @Test
  void searchesByWordsAndTwoLevels() throws Exception {
    var word = uniqueWord();
    save(Stream.of("error", "warn", "info").map(level -> entry(word + " " + level).level(level)).toList());

    var search =
        logs.searchLogs().q(word).level(List.of("ERROR", "WARN")).serviceName(List.of(SERVICE)).sort(Sort.OLDEST);
    var page = until(search::execute, found -> found.getTotal() == 2);
    assertEquals(
        List.of("ERROR: " + word + " error", "WARN: " + word + " warn"),
        page.getData().stream().map(found -> found.getLevel() + ": " + found.getMessage()).toList());
  }

  @Test
  void pagesThroughAllHits() throws Exception {
    var word = uniqueWord();
    save(IntStream.rangeClosed(1, 5).mapToObj(number -> entry(word + " " + number)).toList());
    until(logs.searchLogs().q(word)::execute, found -> found.getTotal() == 5);

    var pages = new ArrayList<List<String>>();
    String cursor = null;
    do {
      SearchPage page = logs.searchLogs().q(word).sort(Sort.OLDEST).limit(2).cursor(cursor).execute();
      pages.add(page.getData().stream().map(found -> found.getMessage().substring(word.length() + 1)).toList());
      cursor = page.getNextCursor();
    } while (cursor != null);
    assertEquals(List.of(List.of("1", "2"), List.of("3", "4"), List.of("5")), pages);
  }

  private void save(List<NewLogEntry> entries) throws ApiException {
    assertEquals(entries.size(), logs.saveLogs(entries).execute().getAccepted());
  }

  /** Returns, for each entry in a batch, whether it got an id. */
  private static List<Boolean> accepted(BatchSaved batch) {
    assertNotNull(batch.getIds());
    return batch.getIds().stream().map(Objects::nonNull).toList();
  }
}
