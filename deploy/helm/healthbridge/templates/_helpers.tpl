{{- define "healthbridge.name" -}}
{{- if contains .Chart.Name .Release.Name }}{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}{{ printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "healthbridge.selector" -}}
app.kubernetes.io/name: healthbridge
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "healthbridge.labels" -}}
{{ include "healthbridge.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "healthbridge.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "healthbridge.serviceAccount" -}}
{{- if .Values.serviceAccount.create }}{{ .Values.serviceAccount.name | default (include "healthbridge.name" .) }}
{{- else }}{{ .Values.serviceAccount.name | default "default" }}{{ end }}
{{- end }}

{{/* The port of gRPC probes: with TLS a port of its own, without TLS and without names, because kubelet has no certificate. */}}
{{- define "healthbridge.probePort" -}}
{{- if .Values.tls.secretName }}50052{{ else }}50051{{ end }}
{{- end }}

{{/* healthbridge.yaml: the values, and what the chart decides. */}}
{{- define "healthbridge.config" -}}
{{- $config := deepCopy .Values.config }}
{{- range $key := list "listen" "tls" }}
{{- if hasKey $config $key }}{{ fail (printf "config.%s: the chart sets it; use service and tls of the values" $key) }}{{ end }}
{{- end }}
{{- if and .Values.tls.allowClients (not (and .Values.tls.secretName .Values.tls.clientCa)) }}
{{- fail "tls.allowClients needs tls.secretName and tls.clientCa: without them, clients show no certificate" }}
{{- end }}
{{- if .Values.tls.secretName }}
{{- $tls := dict "certFile" "/etc/healthbridge-tls/tls.crt" "keyFile" "/etc/healthbridge-tls/tls.key" }}
{{- if .Values.tls.clientCa }}{{ $_ := set $tls "clientCaFile" "/etc/healthbridge-tls/ca.crt" }}{{ end }}
{{- with .Values.tls.allowClients }}{{ $_ := set $tls "allowClients" . }}{{ end }}
{{- $_ := set $config "tls" $tls }}
{{- $_ := set $config "listen" (list ":50051" ":8080" "open://:50052") }}
{{- end }}
{{- if .Values.fleet.enabled }}
{{- if hasKey $config "fleet" }}{{ fail "config.fleet: the chart sets it; use fleet of the values" }}{{ end }}
{{- if not .Values.fleet.secretName }}{{ fail "fleet.secretName: name a Secret with the URL of the store and the secret of the fleet" }}{{ end }}
{{- $name := .Values.fleet.name | default (printf "%s-%s" .Release.Namespace (include "healthbridge.name" .)) }}
{{- if gt (len $name) 63 }}{{ fail (printf "fleet.name: at most 63 characters, and %s has %d; set fleet.name" $name (len $name)) }}{{ end }}
{{- $fleet := dict "name" $name "store" "${file:/etc/healthbridge-fleet/store}" "secretFile" "/etc/healthbridge-fleet/secret" "member" "${HEALTHBRIDGE_MEMBER}" }}
{{- if .Values.fleet.zoneField }}{{ $_ := set $fleet "zone" "${HEALTHBRIDGE_ZONE}" }}{{ end }}
{{- $_ := set $config "fleet" (merge $fleet .Values.fleet.options) }}
{{- if not (hasKey $config "control") }}{{ $_ := set $config "control" "/run/healthbridge/healthbridge.sock" }}{{ end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "healthbridge.kind" -}}
{{- if .Values.fleet.enabled }}{{ .Values.fleet.kind }}{{ else }}Deployment{{ end }}
{{- end }}

{{/* "yes" when the chart makes the folder of the control socket: with a fleet, unless extraVolumeMounts has one there. */}}
{{- define "healthbridge.hasControlFolder" -}}
{{- $paths := list }}
{{- range .Values.extraVolumeMounts }}{{ $paths = append $paths (trimSuffix "/" .mountPath) }}{{ end }}
{{- if and .Values.fleet.enabled (not (has "/run/healthbridge" $paths)) }}yes{{ end }}
{{- end }}

{{/* What the variables of the container are: those of the fleet, and further ones. */}}
{{- define "healthbridge.env" -}}
{{- if .Values.fleet.enabled }}
- { name: HEALTHBRIDGE_MEMBER, valueFrom: { fieldRef: { fieldPath: metadata.name } } }
{{- with .Values.fleet.zoneField }}
- name: HEALTHBRIDGE_ZONE
  valueFrom: { fieldRef: { fieldPath: {{ . | quote }} } }
{{- end }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "healthbridge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "healthbridge.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}
