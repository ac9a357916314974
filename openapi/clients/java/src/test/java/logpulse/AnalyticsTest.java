package logpulse;

import static logpulse.Support.entry;
import static logpulse.Support.uniqueWord;
import static logpulse.Support.until;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.io.IOException;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import logpulse.api.LogsApi;
import logpulse.client.ApiException;
import logpulse.model.ExportFormat;
import logpulse.model.ExportOrder;
import logpulse.model.FieldSummary;
import logpulse.model.FieldType;
import logpulse.model.LogEntry;
import logpulse.model.NewLogEntry;
import logpulse.model.StatsSeries;
import logpulse.model.ValueCount;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

class AnalyticsTest {
  private static final String FROM = "2024-06-14T12:00:00Z";
  private static final String TO = "2024-06-14T12:03:00Z";

  private final LogsApi logs = new LogsApi(Support.client("LOGPULSE_URL"));
  private final List<String> service = List.of(uniqueWord());
  private List<UUID> ids;

  /** Saves three orders, none of them in the second of the three minutes. */
  @BeforeEach
  void saveOrders() throws Exception {
    var orders =
        List.of(order(1, "info", "12:00:10", 10), order(2, "error", "12:00:20", 30), order(3, "info", "12:02:00", 20));
    ids = logs.saveLogs(orders).ids(true).execute().getIds();
    assertEquals(3, until(logs.searchLogs().serviceName(service)::execute, page -> page.getTotal() == 3).getTotal());
  }

  private NewLogEntry order(int number, String level, String time, int ms) {
    return entry("order " + number + " paid")
        .serviceName(service.get(0))
        .level(level)
        .timestamp(OffsetDateTime.parse("2024-06-14T" + time + "Z"))
        .putAttributesItem("ms", ms);
  }

  @Test
  void measuresTheAveragePerMinuteAndLevel() throws ApiException {
    var call = logs.getLogStats().serviceName(service).from(FROM).to(TO).interval("1m");
    var stats = call.measure("avg:attributes.ms").by("level").top(List.of("level")).execute();
    assertEquals(3, stats.getTotal());
    assertEquals(List.of(0, 1, 2), stats.getBuckets().stream().map(OffsetDateTime::getMinute).toList());
    var info = new StatsSeries().by(Map.of("level", "INFO")).values(Arrays.asList(10.0, null, 20.0)).total(15.0);
    var error = new StatsSeries().by(Map.of("level", "ERROR")).values(Arrays.asList(30.0, null, null)).total(30.0);
    assertEquals(List.of(info, error), stats.getSeries());
    assertNotNull(stats.getTop());
    assertEquals(
        List.of(new ValueCount().value("INFO").count(2L), new ValueCount().value("ERROR").count(1L)),
        stats.getTop().get("level").getValues());
  }

  @Test
  void groupsEntriesByPattern() throws ApiException {
    var patterns = logs.listLogPatterns().serviceName(service).from(FROM).to(TO).execute().getPatterns();
    assertEquals(1, patterns.size());
    assertEquals("order <number> paid", patterns.get(0).getTemplate());
    assertEquals(3, patterns.get(0).getCount());
    assertEquals(3, patterns.get(0).getSparkline().stream().mapToLong(Long::longValue).sum());
  }

  @Test
  void listsFieldsWithTheirValues() throws ApiException {
    var fields = logs.listLogFields().serviceName(service).from(FROM).to(TO).values(1).execute().getFields();
    var expected =
        List.of(
            field("level", FieldType.STRING, 2, "INFO", 2),
            field("service_name", FieldType.STRING, 1, service.get(0), 3),
            field("attributes.ms", FieldType.NUMBER, 3, "10", 1));
    assertEquals(expected, fields);
  }

  private static FieldSummary field(String name, FieldType type, long distinct, String value, long count) {
    var values = List.of(new ValueCount().value(value).count(count));
    return new FieldSummary().name(name).types(List.of(type)).share(1.0).distinct(distinct).values(values);
  }

  @Test
  void getsTheEntriesBeforeAndAfterAnEntry() throws ApiException {
    var context = logs.getLogContext(ids.get(1)).before(1).after(1).execute();
    assertEquals(1, context.getPosition());
    assertEquals(ids, context.getData().stream().map(LogEntry::getId).toList());
  }

  @Test
  void exportsNdjsonAndCsv() throws ApiException, IOException {
    var ndjson = logs.exportEntries().serviceName(service).sort(ExportOrder.OLDEST).execute();
    var exported = new ArrayList<UUID>();
    for (var line : ndjson.lines().toList()) {
      exported.add(LogEntry.fromJson(line).getId());
    }
    assertEquals(ids, exported);

    var csv = logs.exportEntries().serviceName(service).format(ExportFormat.CSV).execute().lines().toList();
    assertEquals("id,timestamp,level,service_name,message,trace_id,span_id,attributes", csv.get(0));
    assertEquals(4, csv.size());
  }

  @Test
  @Timeout(10)
  void tailsTheSavedEntries() throws ApiException, IOException {
    var events = logs.tailLogs().serviceName(service).from("-5m").limit(ids.size()).execute();
    var data = events.lines().filter(line -> line.startsWith("data: ")).map(line -> line.substring(6)).toList();
    var tailed = new ArrayList<UUID>();
    for (var entry : data.subList(0, data.size() - 1)) {
      tailed.add(LogEntry.fromJson(entry).getId());
    }
    assertEquals(ids, tailed);
    assertEquals("{\"reason\":\"limit\"}", data.get(data.size() - 1));
  }
}
